"""The default model behind the engine: what was read is answered and cited, of several contexts at once.

Run: pytest -m slow tests/tasks/serve/test_smollm.py; some minutes.
"""

import pydoc_data.topics
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from model.context import heads
from tasks.bench.load.sessions import sessions
from tasks.bench.load.traffic import FACTS as FACTS_OF_A_SESSION
from tasks.serve.directory.local import LocalDirectory
from tasks.serve.door import Name
from tasks.serve.embedded import Embedded
from tasks.serve.engine import Engine
from tests.conftest import ReaderOf
from tests.tasks.serve.readers import answered

FACTS = {"lighthouse": "48213", "harbour": "90417"}
TOLD = 3
"""Sessions of a dozen lines of one form."""


@pytest.fixture
def door(reader_of: ReaderOf, model_dir: Path, tmp_path: Path) -> Iterator[Embedded]:
    """To an engine of the default model."""
    reader = reader_of(512)
    voting = heads.load(model_dir, reader.config)
    engine = Engine(reader, voting, model_dir, tmp_path, LocalDirectory(600.0), "here")
    yield Embedded(engine)
    engine.stop()


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_each_context_answers_and_cites_its_own_fact(door: Embedded) -> None:
    """4,000 tokens each, the fact behind a third of them; both are asked for what one of them knows."""
    prose = "\n\n".join(pydoc_data.topics.topics.values())
    for number, (key, value) in enumerate(FACTS.items()):
        text = prose[16_000 * number : 16_000 * (number + 1)]
        fact = f"\n\nThe pass key of the {key} is {value}.\n\n"
        door.read(Name("", key), [text[:5000], fact, text[5000:]])
    questions = [f"What is the pass key of the {key}?" for key in FACTS]
    with ThreadPoolExecutor() as threads:
        told = list(
            threads.map(lambda key, asked: answered(door, Name("", key), asked, 24), FACTS, questions)
        )
    for (key, value), (text, done) in zip(FACTS.items(), told, strict=True):
        assert value in text
        cited = "".join(one.text for one in done.citations)  # the fact may lie across two blocks
        assert f"The pass key of the {key} is {value}" in cited
        alone = answered(door, Name("", key), f"What is the pass key of the {key}?", 24)
        assert alone[0] == text, "an answer is what it is alone"
    assert FACTS["harbour"] not in answered(door, Name("", "lighthouse"), questions[1], 24)[0]


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_of_a_dozen_lines_of_one_form_the_one_that_is_asked_for_is_said(door: Embedded) -> None:
    """As `nightread bench load` tells and asks; without the quoted line it is one answer of six."""
    right, asked = 0, 0
    for session in sessions(TOLD, seed=7):
        facts = session.more(FACTS_OF_A_SESSION)
        door.read(session.name, ["".join(fact.line for fact in facts)])
        for fact in facts[1::3]:
            asked += 1
            right += fact.number in answered(door, session.name, session.question(fact), 32)[0]
    assert right >= 0.75 * asked
