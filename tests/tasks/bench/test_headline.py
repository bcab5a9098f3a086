"""The headline is over in time, says what it left out for that, and its parts are those of the other benches.

Run: pytest tests/tasks/bench/test_headline.py
"""

import json
import pydoc_data.topics
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import pytest
import torch
from transformers import AutoConfig

from flows import headline as shown
from flows.cli import main
from model.context import heads
from model.context.heads import Heads
from model.weights import HEADS
from tasks.bench.headline.predicted import Predicted, predicted
from tasks.bench.headline.run import decay, headline, rows, shortened
from tasks.bench.million.options import Million
from tasks.bench.progress import silent
from tasks.infer.models import Models
from tasks.settings import InferConfig
from tests.model.facts import SMALL
from tests.models import tiny_model

TOKENS, STRIDE = 8192, 256


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def haystack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("haystack") / "manual.txt"
    path.write_text("\n\n".join(pydoc_data.topics.topics.values())[:200_000])
    return path


@pytest.fixture
def models(tokenizer_dir: Path, tmp_path: Path) -> Models:
    tiny = tiny_model(tmp_path / "tiny", tokenizer_dir)
    heads.save(Heads(((0, 1), (1, 2)), 3), AutoConfig.from_pretrained(tiny), tiny / HEADS, {})
    return Models(tmp_path, InferConfig(model=str(tiny), embedder=str(tiny), device="cpu"), STRIDE)


def test_everything_is_measured_told_drawn_and_written_in_one_run(
    models: Models, haystack: Path, tmp_path: Path
) -> None:
    started = perf_counter()
    options = Million(TOKENS, tmp_path / "new" / "headline.png", 0.1, (haystack,))
    found = headline(options, tmp_path, models, silent, SMALL)
    assert found["seconds"] <= perf_counter() - started
    (row,) = found["speed"]["rows"]
    assert row["length"] == 4096
    for peer in ("context", "sdpa"):  # on a slow machine the time does not suffice for them
        assert {f"{peer}_share_of_limit", f"{peer}_not_run"} & set(row)
    assert 0 < found["million"]["tokens"] <= TOKENS
    assert found["predicted"][0]["tokens"] == 2 * STRIDE
    last = max(found["million"]["tokens"], found["predicted"][-1]["tokens"])
    assert found["decay"][-1]["tokens"] == last
    assert all(9 < one["nats"] < 12 for one in found["predicted"]), "random weights know no text: ln 49152"
    assert all(0 < share < 1 for name, share in found["utilisation"].items() if name != "limit")
    assert json.loads((tmp_path / "new" / "headline.json").read_text())["decay"] == found["decay"]
    assert options.figure.read_bytes().startswith(b"\x89PNG")
    assert list((tmp_path / "bench").iterdir()) == []
    said = shown.told(found)
    print(said)
    assert f"figure: {options.figure}" in said
    assert "what decays with length" in said


def test_a_passage_is_predicted_at_each_doubling_as_far_as_time_allows(
    models: Models, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    ids = torch.randint(3, 49152, (1300,), dtype=torch.int32).numpy()
    ids.tofile(path := tmp_path / "ids.bin")
    passage = ids[:100].tolist()
    found = predicted(models.reader, path, 1300, passage, 60, silent)
    assert [one.tokens for one in found] == [512, 1024, 1300]
    assert found[0].seconds < found[1].seconds < found[2].seconds
    assert len({one.nats for one in found}) == 3
    (first,) = predicted(models.reader, path, 1300, passage, 0, silent)
    assert (first.tokens, first.nats) == (512, found[0].nats), "the same text was read before"


def test_what_the_time_did_not_suffice_for_is_said() -> None:
    speed = {
        "rows": [
            {"length": 4096, "repeats": 3},
            {"length": 32768, "repeats": 1, "sdpa_not_run": "would take 9 s"},
        ]
    }
    long = {
        "tokens": 9000,
        "wanted": 10_000,
        "needles": 30,
        "by_depth": [{"questions": 12}],
        "on_the_way": [],
    }
    behind = [Predicted(8192, 3.0, 1.0)]
    assert shortened(speed, long, behind, {"read": 288.0}) == [
        "32,768 tokens were not read by dense attention: it would take 9 s",
        "texts of 32,768 tokens were timed once",
        "9,000 of 10,000 tokens were read in 288 s",
        "12 of 30 needles were asked for at the end",
        "the passage was predicted behind 8,192 of 9,000 tokens at most",
    ]
    long |= {"by_depth": [{"questions": 30, "found_index": 1.0, "found_exact": 1.0, "answered": 0.5}]}
    assert [sorted(row) for row in decay(long, behind)] == [
        ["nats", "tokens"],
        ["answered", "found_exact", "found_index", "questions", "tokens"],
    ]


def test_segments_are_timed_as_rows_of_a_batch(models: Models) -> None:
    found = rows(models.reader, models.folder, 2)
    assert found["rows"] == 2
    assert found["tokens_per_s"] > 0


@pytest.mark.parametrize("option", ["--tokens=100", "--minutes=0", "--figure=read.svg"])
def test_a_headline_that_cannot_be_is_refused_by_its_name(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "headline", option, f"home={tmp_path}"]) == 2
    assert option.replace("=", " ") in capsys.readouterr().err
