"""The index nominates what an exact scan chooses in a twentieth of its time, at a million tokens and at ten.

Slow: 65,536 tokens are read, and keys of ten million made of theirs; a quarter of an hour on two cores. The
keys take 2.6 GB of disk. Run: pytest -m slow tests/model/context/test_grown.py
"""

from math import log
from pathlib import Path

import pytest
import torch

from model.bench.grown import Beside, Grown
from model.context.context import Context, Memory
from model.context.heads import Heads
from model.context.retrieve import QueryRows
from model.reader import Reader
from tasks.bench.needles import FAMILIES
from tasks.bench.speed import text_ids
from tests.model.facts import ids_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(4 * 3600)]

SHORT, LENGTHS = 1 << 16, (1 << 18, 1 << 20, 10 * (1 << 20))


def test_the_index_has_what_the_scan_chooses_in_a_twentieth_of_its_time(
    reader_2048: Reader, voting: Heads, model_dir: Path, tmp_path: Path
) -> None:
    context = Context(reader_2048, voting, Memory())
    context.read(text_ids(model_dir, SHORT))
    questions = [
        QueryRows.asked(context, ids_of(reader_2048, f"\n\n{wording.format(name=family.names[number])}"))
        for number, family in enumerate(FAMILIES)
        for wording in family.wordings
    ]
    keys_NPTD = torch.cat([keys for _, keys in context.keys.scan(512)])
    grown = Grown(context.index, keys_NPTD, questions, tmp_path)
    found: dict[int, Beside] = {}
    for tokens in LENGTHS:
        grown.grow(tokens)
        found[tokens] = grown.measure(questions)
        print(tokens, found[tokens])
    _, million, ten = found.values()
    for beside in list(found.values())[1:]:
        assert beside.same >= 0.95
        assert beside.index_s <= 0.05 * beside.scan_s
    assert ten.visited <= 1.5 * million.visited * log(ten.blocks) / log(million.blocks)
    assert ten.visited < 0.1 * ten.blocks
