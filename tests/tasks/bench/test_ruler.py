"""A text hides the facts of every task; an answer earns what it holds; the model is asked both ways."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from transformers import AutoConfig

from flows import length_figures
from flows.cli import main
from model.context import heads
from model.context.heads import Heads
from model.weights import HEADS
from tasks.bench.grid import Grid
from tasks.bench.growth import evaluate_growth
from tasks.bench.haystack import Encode, Haystack
from tasks.bench.ruler.evaluate import evaluate_ruler
from tasks.bench.ruler.plan import Plan
from tasks.bench.ruler.samples import COMMON, HIDDEN, HOPS, KEYS, TASKS, counting, hidden, score
from tasks.errors import InvalidInput
from tasks.infer.models import Models
from tasks.settings import InferConfig
from tests.models import tiny_model


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory, tokenizer_dir: Path) -> Models:
    folder = tiny_model(tmp_path_factory.mktemp("tiny"), tokenizer_dir, max_position_embeddings=2048)
    heads.save(Heads(((0, 1), (1, 2)), 3), AutoConfig.from_pretrained(folder), folder / HEADS, {})
    return Models(folder, InferConfig(model=str(folder), device="cpu"), 512)


@pytest.mark.parametrize(
    ("answer", "expected", "earned"),
    [
        (" 48213, 59120 and 48213.", ("48213", "59120"), 1.0),
        (" 48213 and 591200", ("48213", "59120"), 0.5),
        (" greta gruber, who", ("Greta Gruber",), 1.0),
        (" 148213", ("48213",), 0.0),
        ("", ("48213",), 0.0),
    ],
)
def test_an_answer_earns_the_share_of_whole_words_it_holds(
    answer: str, expected: tuple[str, ...], earned: float
) -> None:
    assert score(answer, expected) == earned


def test_a_text_of_exact_length_hides_what_every_question_expects(
    prose: Haystack, encode: Encode, decode: Callable[[list[int]], str]
) -> None:
    sample = hidden(prose, 4000, Random(1), encode)
    text = decode(sample.ids)
    assert len(sample.ids) == 4000
    assert tuple(asked.task for asked in sample.asked) == HIDDEN
    for asked in sample.asked:
        assert all(text.count(one) for one in asked.expected), asked
        assert score(" ".join(asked.expected), asked.expected) == 1
    assert text.count("access code") == KEYS


def test_a_chain_is_told_in_the_order_in_which_it_can_be_followed(
    prose: Haystack, encode: Encode, decode: Callable[[list[int]], str]
) -> None:
    sample = hidden(prose, 4000, Random(2), encode)
    text = decode(sample.ids)
    chain = next(asked.expected for asked in sample.asked if asked.task == "variables")
    assert len(chain) == HOPS + 1
    places = [text.index(f"VAR {name} =") for name in chain]
    assert places == sorted(places)


def test_the_words_to_be_named_are_the_most_frequent_by_far(
    prose: Haystack, encode: Encode, decode: Callable[[list[int]], str]
) -> None:
    sample = counting(prose, 1800, Random(3), encode)
    counts = Counter(decode(sample.ids).split())
    expected = sample.asked[0].expected
    assert len(sample.ids) == 1800
    assert {word for word, _ in counts.most_common(COMMON)} == set(expected)
    assert min(counts[word] for word in expected) > 4 * counts.most_common(COMMON + 1)[-1][1]


def test_equal_seeds_give_equal_samples(prose: Haystack, encode: Encode) -> None:
    assert hidden(prose, 3000, Random(4), encode) == hidden(prose, 3000, Random(4), encode)
    assert hidden(prose, 3000, Random(4), encode) != hidden(prose, 3000, Random(5), encode)


def test_dense_attention_is_measured_within_the_trained_length_only(models: Models) -> None:
    result = evaluate_ruler(Plan((2048, 2304), samples=1), models)
    assert [(row["task"], row["length"]) for row in result["rows"]] == [
        (task, length) for length in (2048, 2304) for task in TASKS
    ]
    assert all(("dense" in row) == (row["length"] == 2048) for row in result["rows"])
    assert "dense" in result["means"][0]
    assert "dense" not in result["means"][1]
    shown = length_figures.ruler(result).splitlines()
    assert [line.split()[:2] for line in shown[-2:]] == [["2,048", "mean"], ["2,304", "mean"]]


def test_one_context_is_asked_at_every_length(models: Models, tmp_path: Path) -> None:
    figure = tmp_path / "growth.png"
    grid = Grid(lengths=(1024, 2560), depths=2, wordings=1, filler=True, figure=figure)
    result = evaluate_growth(grid, models)
    first, second = result["rows"]
    assert first["length"] == 1024
    assert second["length"] == 2560
    assert first["first"] == first["added"]
    assert all(9 < row["nats"] < 12 for row in result["rows"]), "random weights know no text: ln 49152"
    assert figure.read_bytes().startswith(b"\x89PNG")
    assert "2,560" in length_figures.growth(result)


@pytest.mark.parametrize(
    ("options", "said"),
    [("ruler --lengths 1024", "2,048"), ("ruler --samples 0", "--samples 0"), ("growth x", "--haystack")],
)
def test_what_cannot_be_measured_is_refused_by_name(
    options: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", *options.split()]) == 2
    assert said in capsys.readouterr().err


def test_more_needles_than_names_are_refused(models: Models) -> None:
    with pytest.raises(InvalidInput, match="at most 20 for 5 lengths"):
        evaluate_growth(Grid(lengths=(4096, 4097, 4098, 4099, 4100), depths=30, filler=True), models)
