"""A model writes only where it proves able to, and what it writes is kept with the sentences that support it.

The model here is a stand-in that writes drafts from a list: no model of 1 billion parameters is at hand.

Run: pytest tests/tasks/reduce/test_writing.py
"""

import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from model.summarizer import Request
from model.weights import follows_instructions, parameters
from tasks.infer.models import LEAST_TO_WRITE, Models
from tasks.infer.prompts import EARLIER, THE_TEXT
from tasks.infer.quotes import Quote
from tasks.reduce.writing import TRIAL, Author, Material, source
from tasks.runs.ledger import Ledger
from tasks.settings import GroundConfig, InferConfig

TRUE, FALSE = "The rent of house {} is 900 euros.", "The rent of house {} is 800 euros."


class Drafts:
    """Writes a true sentence, and beside it as many false ones as it is told; keeps what it was asked."""

    def __init__(self, false: int) -> None:
        self.false = false
        self.asked: list[Request] = []

    def write(self, requests: Sequence[Request]) -> list[str]:
        self.asked += requests
        return [" ".join([_said(one.source), *[FALSE.format("7")] * self.false]) for one in requests]

    def gains(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        return [1.0] * len(pairs)


def _said(source: str) -> str:
    """The first sentence of a source that begins with its title."""
    return source.splitlines()[1]


def material(number: int) -> Material:
    document = f"d{number}"
    first, second = TRUE.format(number), "The tenant pays it on the first day."
    spans = (Quote(first, document, 0, len(first), 0.0), Quote(second, document, 100, 136, 0.0))
    return Material(document, "window", "contract", "Lease", spans)


@pytest.fixture
def large(tiny_model_dir: Path, tmp_path: Path) -> Path:
    """A folder whose weights claim 1 billion parameters, and whose tokenizer takes instructions."""
    folder = tmp_path / "large"
    shutil.copytree(tiny_model_dir, folder, ignore=shutil.ignore_patterns("*.safetensors", "*.jinja"))
    tensor = {"dtype": "BF16", "shape": [LEAST_TO_WRITE // 1000, 1000], "data_offsets": [0, 0]}
    header = json.dumps({"weight": tensor, "__metadata__": {"format": "pt"}}).encode()
    (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    return folder


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "ledger.sqlite") as opened:
        yield opened


def author(folder: Path, ledger: Ledger, drafts: Drafts, **settings: object) -> Author:
    config = InferConfig(model=str(folder), summary_batch_size=4, **settings)  # type: ignore[arg-type]
    models = Models(ledger.path.parent, config, 256)
    models.__dict__["writer"] = drafts  # what the property would load
    return Author(models, ledger)


def test_what_is_supported_is_kept_with_its_sentences_and_the_rest_is_counted(
    large: Path, ledger: Ledger
) -> None:
    written = author(large, ledger, Drafts(false=1)).write([material(1)])["d1"]
    assert written.text == TRUE.format(1)
    assert written.quotes == material(1).spans[:1]
    assert (written.kept, written.dropped) == (1, 1)


def test_the_model_is_asked_for_what_matters_in_such_a_document(large: Path, ledger: Ledger) -> None:
    drafts = Drafts(false=0)
    author(large, ledger, drafts).write([material(1)])
    (request,) = drafts.asked
    assert "whose law governs it" in request.instruction
    assert request.source == f"Lease\n{TRUE.format(1)}\nThe tenant pays it on the first day."


def test_what_was_written_is_not_written_again(large: Path, ledger: Ledger) -> None:
    first, second = Drafts(false=0), Drafts(false=0)
    before = author(large, ledger, first).write([material(number) for number in range(6)])
    assert author(large, ledger, second).write([material(number) for number in range(6)]) == before
    assert (len(first.asked), second.asked) == (6, [])


def test_a_model_below_the_bar_writes_nothing_and_is_not_asked_again(large: Path, ledger: Ledger) -> None:
    many = [material(number) for number in range(TRIAL + 10)]
    first, second = Drafts(false=2), Drafts(false=2)
    assert author(large, ledger, first).write(many) == {}
    assert len(first.asked) == TRIAL
    again = author(large, ledger, second)
    assert (again.write(many), second.asked) == ({}, [])
    assert again.verdict is not None
    assert again.verdict.reason == "33% of its sentences are supported (50% are needed)"


def test_a_model_above_the_bar_writes_everything_at_once_and_in_later_runs(
    large: Path, ledger: Ledger
) -> None:
    many = [material(number) for number in range(TRIAL + 10)]
    assert len(author(large, ledger, Drafts(false=1)).write(many)) == TRIAL + 10
    again = author(large, ledger, Drafts(false=1))
    assert again.verdict is not None
    assert again.verdict.writes


def test_a_handful_of_texts_judges_a_model_for_this_run_only(large: Path, ledger: Ledger) -> None:
    assert author(large, ledger, Drafts(false=2)).write([material(1)]) == {}
    assert author(large, ledger, Drafts(false=0)).verdict is None


def test_the_bar_is_a_setting(large: Path, ledger: Ledger) -> None:
    low = GroundConfig(share=0.3)
    assert set(author(large, ledger, Drafts(false=2), ground=low).write([material(1)])) == {"d1"}


def test_a_small_model_writes_only_if_it_is_told_to(tiny_model_dir: Path, ledger: Ledger) -> None:
    small = Drafts(false=0)
    assert author(tiny_model_dir, ledger, small).write([material(1)]) == {}
    assert small.asked == []
    assert set(author(tiny_model_dir, ledger, small, write="always").write([material(1)])) == {"d1"}


def test_a_large_model_writes_nothing_if_writing_is_turned_off(large: Path, ledger: Ledger) -> None:
    drafts = Drafts(false=0)
    assert author(large, ledger, drafts, write="never").write([material(1)]) == {}
    assert drafts.asked == []


def test_a_model_is_measured_by_its_files(large: Path, tiny_model_dir: Path) -> None:
    assert parameters(large) == LEAST_TO_WRITE
    assert 10_000 < parameters(tiny_model_dir) < LEAST_TO_WRITE
    assert follows_instructions(large)


def test_the_settings_of_writing_are_no_part_of_the_key_of_a_model_that_does_not_write(
    large: Path, tiny_model_dir: Path, tmp_path: Path
) -> None:
    def key(folder: Path, **settings: object) -> str:
        return Models(tmp_path, InferConfig(model=str(folder), **settings), 256).key  # type: ignore[arg-type]

    assert key(tiny_model_dir) == key(tiny_model_dir, summary_tokens=99) == key(tiny_model_dir, write="never")
    assert len({key(large), key(large, summary_tokens=99), key(large, write="never")}) == 3


def test_no_text_ends_the_part_of_the_prompt_in_which_it_stands() -> None:
    quote = Quote(THE_TEXT, "d", 0, len(THE_TEXT), 0.0)
    shown = source(
        Material("d", "window", "contract", EARLIER, (quote,)), [f"Old.\n{THE_TEXT}\nNew.", THE_TEXT]
    )
    lines = shown.splitlines()
    assert (lines.count(EARLIER), lines.count(THE_TEXT)) == (1, 1)
    assert lines.index(THE_TEXT) == 3
