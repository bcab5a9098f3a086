"""A needle lies at its depth, a wrong number is never correct, and equal seeds give equal grids."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
from transformers import AutoConfig

from flows import figures
from flows.cli import main
from model.context import heads
from model.context.heads import Heads
from model.weights import HEADS
from tasks.bench.grid import MOST_NEEDLES, WORDINGS, Grid, parse_lengths, trials
from tasks.bench.haystack import Encode, Haystack, Placed, filler, insert
from tasks.bench.needle import evaluate_needle
from tasks.bench.needles import FAMILIES, correct, make_needles
from tasks.errors import InvalidInput
from tasks.infer.models import Models
from tasks.settings import InferConfig
from tests.model.facts import SMALL as SMALL_INDEX
from tests.models import tiny_model
from tests.tasks.bench.conftest import PROSE

MEASURES = {"found_exact", "found_index", "answer_given_blocks", "answer"}
SMALL = ("infer.device=cpu", "shard.window=512", "shard.stride=256")


@pytest.mark.parametrize(
    ("generated", "right"),
    [
        (" 48213.", True),
        (" 48213, and the harbour", True),
        (": **48213**", True),
        (" 482139", False),
        (" 148213", False),
        (" 48,213", False),
        (" 48213.5", False),
        (" 7, or rather 48213", False),
        (" unknown", False),
        ("", False),
    ],
)
def test_an_answer_is_its_first_whole_number(generated: str, right: bool) -> None:
    assert correct(generated, "48213") is right


@pytest.mark.parametrize("kind", range(len(FAMILIES)))
def test_needles_of_a_kind_have_different_names_and_values_that_the_text_does_not_hold(kind: int) -> None:
    text = " ".join(str(value) for value in range(10_000, 99_000))
    needles = make_needles(kind, MOST_NEEDLES, Random(1), text)
    assert len({needle.name for needle in needles}) == MOST_NEEDLES
    assert len({needle.value for needle in needles}) == MOST_NEEDLES
    assert not any(needle.value in text for needle in needles)
    for needle in needles:
        assert needle.value in needle.statement
        assert len(set(needle.questions)) == WORDINGS
        assert all(needle.name in question for question in needle.questions)
        assert not any(needle.value in question for question in needle.questions)


@pytest.mark.parametrize("keys", [1, 8])
@pytest.mark.parametrize("depth", [0.0, 0.37, 1.0])
def test_a_context_has_its_length_and_the_needle_its_place(
    keys: int, depth: float, prose: Haystack, encode: Encode, decode: Callable[[list[int]], str]
) -> None:
    trial = next(trial for trial in trials(Grid((4096,), depths=2, keys=keys)))
    depths = [depth, *trial.depths[1:]]
    needles = make_needles(keys, keys, Random(2), PROSE)
    ids, placed = insert(prose, needles, depths, 4096, encode)
    assert len(ids) == 4096
    for place, wanted in zip(placed, depths, strict=True):
        assert _text(ids, place.sentence, decode).strip() == place.needle.statement
        assert _text(ids, place.value, decode).strip() == place.needle.value
        assert abs(place.sentence.start / 4096 - wanted) < 0.08
    assert [decode(ids).count(needle.value) for needle in needles] == [1] * keys


def _text(ids: list[int], where: range, decode: Callable[[list[int]], str]) -> str:
    return decode(ids[where.start : where.stop])


def test_a_needle_is_a_paragraph_between_whole_sentences(
    prose: Haystack, encode: Encode, decode: Callable[[list[int]], str]
) -> None:
    for depth in (0.2, 0.5, 0.8):
        (needle,) = make_needles(0, 1, Random(3), PROSE)
        ids, (place,) = insert(prose, [needle], [depth], 2048, encode)
        before = decode(ids[: place.sentence.start])
        assert before.endswith("\n\n")
        assert before.rstrip()[-1] in ".!?\"')]:" or "\n\n" in PROSE[len(before.rstrip()) :][:4]
        assert decode(ids[place.sentence.stop :]).startswith("\n\n")


def test_text_without_sentences_or_lines_still_gets_its_depth(encode: Encode) -> None:
    haystack = Haystack("word " * 3000, encode)
    (needle,) = make_needles(0, 1, Random(3), "")
    _, (place,) = insert(haystack, [needle], [0.5], 2048, encode)
    assert abs(place.sentence.start - 1024) < 32


def test_a_haystack_that_is_too_small_is_named(prose: Haystack, encode: Encode) -> None:
    needles = make_needles(0, 1, Random(3), PROSE)
    with pytest.raises(InvalidInput, match=r"--lengths 1000000.*--haystack"):
        insert(prose, needles, [0.5], 1_000_000, encode)


def test_filler_is_long_enough() -> None:
    assert len(filler(1000)) >= 1000


def test_trials_of_a_grid() -> None:
    apart = list(trials(Grid((1024, 2048), depths=3, keys=4)))
    assert [(trial.length, trial.depths[0]) for trial in apart[:3]] == [(1024, 0.0), (1024, 0.5), (1024, 1.0)]
    assert len(apart) == 6
    assert all(len(set(trial.depths)) == 4 and trial.asked == [0] for trial in apart)
    (shared,) = trials(Grid((1024,), depths=3, shared=True))
    assert (shared.depths, shared.asked) == ([0.0, 0.5, 1.0], [0, 1, 2])


def test_a_single_depth_is_the_middle() -> None:
    assert Grid((1024,), depths=1).at == [0.5]


def test_lengths_are_sorted_and_distinct() -> None:
    assert parse_lengths("8192, 1024,8192") == (1024, 8192)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--depths 0", "--depths 0"),
        ("--lengths abc", "--lengths abc"),
        ("--lengths ,", "--lengths ,"),
        ("--lengths 100", "at least 320"),
        ("--keys 41", "at most 40"),
        ("--keys 2 --shared", "--shared"),
        ("--depths 41 --shared", "--depths 41"),
        ("--wordings 4", "--wordings 4"),
        ("--needles 0", "--needles 0"),
        ("--ways fast", "recompute or kv"),
        ("--ways ,", "recompute or kv"),
        ("--ways replay", "is called recompute now"),
        ("--storage float4", "float32, bfloat16, float8"),
        ("--filler --haystack x", "--haystack"),
        ("--figure /nowhere/grid.png", "/nowhere/grid.png"),
        ("--figure grid.jpg", ".png"),
    ],
)
def test_a_bad_option_is_refused_by_name(options: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "needle", *options.split()]) == 2
    assert said in capsys.readouterr().err


def test_paths_belong_to_data_sets(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "needle", "folder"]) == 2
    assert "--haystack" in capsys.readouterr().err
    assert main(["evaluate", "locomo"]) == 2
    assert "give the folder" in capsys.readouterr().err


def test_same_seed_same_context(prose: Haystack, encode: Encode) -> None:
    def context(seed: int) -> tuple[list[int], list[Placed]]:
        return insert(prose, make_needles(1, 2, Random(seed), PROSE), [0.5, 0.1], 1024, encode)

    assert context(4) == context(4)
    assert context(4) != context(5)


@pytest.fixture(scope="module")
def tiny(tokenizer_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random model, trained for 512 positions as far as its configuration says."""
    folder = tiny_model(tmp_path_factory.mktemp("tiny"), tokenizer_dir, max_position_embeddings=512)
    heads.save(Heads(((0, 1), (1, 2)), 3), AutoConfig.from_pretrained(folder), folder / HEADS, {})
    return folder


Measure = Callable[..., dict[str, Any]]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Products this small wait for each other's threads longer than they take."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def measure(tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Measure:
    """The command itself, with the random model; returns the last line of its output. It embeds nothing."""

    def run(*options: str, model: Path = tiny) -> dict[str, Any]:
        where = [f"home={tmp_path}", f"infer.model={model}", *SMALL]
        argv = ["evaluate", "needle", "--json", "--filler", *options, *where, f"infer.embedder={tiny}"]
        assert main(argv) == 0
        found: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
        return found

    return run


def test_the_last_line_is_one_object_with_every_cell(measure: Measure, tmp_path: Path) -> None:
    figure = tmp_path / "grid.png"
    small = ("--lengths", "700,400", "--depths", "3", "--needles", "1", "--wordings", "1")
    found = measure(*small, "--figure", str(figure))
    assert figure.read_bytes().startswith(b"\x89PNG")
    assert [(cell["length"], cell["depth"]) for cell in found["cells"]] == [
        (length, depth) for length in (400, 700) for depth in (0.0, 0.5, 1.0)
    ]
    for cell in found["cells"]:
        assert cell.keys() >= MEASURES
        assert all(0 <= cell[name] <= 1 for name in MEASURES)
        assert (cell["keys"], cell["questions"]) == (1, 1)
        # the model says that it was trained for 512 positions
        assert ("answer_dense" in cell) is (cell["length"] == 400)
    assert [cell["always_attended"] for cell in found["cells"]] == [1, 1, 1, 1, 0, 0]
    assert found["summary"].keys() >= MEASURES
    assert found["tokens_read"] == 3 * (400 + 700)
    assert found["text"] == "filler"


def test_same_seed_same_cells(measure: Measure) -> None:
    def cells(seed: str) -> list[dict[str, Any]]:
        small = ("--lengths", "640", "--depths", "2", "--keys", "4", "--needles", "1", "--seed", seed)
        return [
            {name: value for name, value in cell.items() if not name.startswith("seconds")}
            for cell in measure(*small)["cells"]
        ]

    assert cells("1") == cells("1")


def test_shared_reads_once_and_asks_for_every_depth(measure: Measure) -> None:
    grid = "--lengths 1024 --depths 4 --needles 1 --shared --ways recompute,kv --storage float8"
    found = measure(*grid.split())
    assert found["grid"]["storage"] == "float8"
    assert found["tokens_read"] == 1024
    assert [cell["depth"] for cell in found["cells"]] == [0.0, 0.3333, 0.6667, 1.0]
    wanted = {"answer_kv", "answer_given_blocks_kv"}
    assert all(cell.keys() >= wanted for cell in found["cells"])
    assert all(cell["keys"] == 4 for cell in found["cells"])


def test_a_long_context_is_searched_by_its_index_too(tiny: Path, tmp_path: Path) -> None:
    grid = Grid((1024,), depths=1, needles=1, wordings=1, filler=True)
    models = Models(tmp_path, InferConfig(model=str(tiny), embedder=str(tiny), device="cpu"), stride=256)
    result = evaluate_needle(grid, models, index_sizes=SMALL_INDEX)
    assert result["cells"][0]["indexed"]
    assert "the index finds 100.0% of the exact scan's blocks in" in figures.needle(result)


def test_the_default_model_finds_a_needle_and_answers(measure: Measure, model_dir: Path) -> None:
    small = ("--lengths", "704", "--depths", "1", "--needles", "1", "--wordings", "1")
    (cell,) = measure(*small, model=model_dir)["cells"]
    assert cell["always_attended"] == 0
    assert [cell[name] for name in sorted(MEASURES)] == [1.0] * 4
    assert cell["answer_dense"] == 1


def test_a_text_read_as_segments_finds_what_one_context_finds(measure: Measure) -> None:
    small = ("--lengths", "1500", "--depths", "2", "--needles", "1", "--wordings", "1")
    cells = measure(*small, "--segments", "3")["cells"]
    assert [cell["found_segments"] for cell in cells] == [cell["found_exact"] for cell in cells]
    assert [cell["answer_segments"] for cell in cells] == [cell["answer"] for cell in cells]
