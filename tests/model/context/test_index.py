"""Codes and lists nominate the blocks that an exact scan would choose, and look at few of them.

Run: pytest tests/model/context/test_index.py
"""

from functools import cache
from pathlib import Path

import pytest
import torch

from model.context.disk import TornContext
from model.context.index import Index, IndexSizes, Nominated
from model.context.scoring import votes
from model.geometry import BLOCK

PAIRS, DIMS, RANK = 2, 32, 12
HEADS = [torch.tensor([0] * 6), torch.tensor([0, 0, 0, 1, 1, 1])]


SIZES = IndexSizes(centroids=256, postings=32, training_tokens=2048, batch=512, part=4096, sample=64)
"""Few centroids and short lists, so that a few thousand tokens exercise what millions do."""


def random(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def keys(blocks: int, seed: int = 1) -> torch.Tensor:
    """Keys (N, P, T, D) with a common mean and a few loud dimensions, as a network's are."""
    loud = torch.ones(DIMS)
    loud[:4] = 6.0
    return random(blocks, PAIRS, BLOCK, DIMS, seed=seed) * loud + 2.0


def asked(count: int, seed: int) -> list[torch.Tensor]:
    """Queries (S, D) that use few of the dimensions, and none of the loud ones, as a network's do."""
    into = random(RANK, DIMS - 4, seed=99)
    directions = random(40, RANK, seed=98)
    which = torch.randint(40, (count,), generator=torch.Generator().manual_seed(seed))
    one = (directions[which] + 0.4 * random(count, RANK, seed=seed)) @ into
    return [torch.cat([torch.zeros(count, 4), one], 1)] * PAIRS


def filled(keys_NPTD: torch.Tensor, at_once: int = 8, folder: Path | None = None) -> Index:
    built = Index(PAIRS, DIMS, sizes=SIZES, folder=folder)
    for part in torch.split(keys_NPTD, at_once):
        grown(built, part)
    return built


@cache
def of(blocks: int) -> Index:
    """An index that tests only ask."""
    return filled(keys(blocks))


def grown(built: Index, part_NPTD: torch.Tensor) -> None:
    """Add blocks as a context does."""
    if not built.trained:
        for pair, queries_SD in enumerate(asked(2 * BLOCK * len(part_NPTD), seed=5 + built.sample.seen)):
            built.observe(pair, queries_SD)
    built.add(part_NPTD)
    if built.due:
        built.train([torch.cat(observed) for observed in built.observed])


def best(keys_NPTD: torch.Tensor, rows: list[torch.Tensor]) -> list[torch.Tensor]:
    """Per pair, each row's best score of each block, exactly, (R, N)."""
    return [torch.einsum("rd,ntd->rnt", row, keys_NPTD[:, pair]).amax(2) for pair, row in enumerate(rows)]


def nominated(built: Index, rows: list[torch.Tensor], most: int, flat: bool) -> Nominated:
    baseline = [(scores.mean(1), scores.std(1)) for scores in best(built.sample.keys_NPTD.float(), rows)]
    return built.nominate(rows, baseline, most, flat)


def recall(built: Index, stored: torch.Tensor, flat: bool) -> float:
    """Share of the 8 blocks that an exact scan chooses, among 32 nominated ones, over 20 questions."""
    shares = []
    for seed in range(20):
        rows = asked(6, seed=100 + seed)
        scores = best(stored, rows)
        exact = sum(votes(x, x, heads).sum(0) for x, heads in zip(scores, HEADS, strict=True))
        assert isinstance(exact, torch.Tensor)
        wanted = exact.topk(8).indices
        shares.append(torch.isin(wanted, nominated(built, rows, 32, flat).blocks).float().mean())
    return float(torch.stack(shares).mean())


@pytest.mark.parametrize("flat", [True, False])
@pytest.mark.parametrize("where", [3, 100, 199])
def test_a_key_that_matches_brings_its_block_to_the_front(flat: bool, where: int) -> None:
    stored, rows = keys(200), asked(6, seed=7)
    for pair in range(PAIRS):
        stored[where, pair, 17] = 2.0 + rows[pair][3] * 2
    assert int(nominated(filled(stored), rows, 8, flat).blocks[0]) == where


def test_codes_nominate_what_an_exact_scan_chooses_though_keys_are_loud_elsewhere() -> None:
    assert recall(of(512), keys(512), flat=True) > 0.97


def test_lists_nominate_most_of_it_from_few_blocks() -> None:
    assert recall(of(2048), keys(2048), flat=False) > 0.8
    assert nominated(of(2048), asked(6, seed=7), 32, flat=False).visited < 2048 / 5


def test_the_work_of_a_question_does_not_grow_with_the_text() -> None:
    looked = {}
    for blocks in (512, 1024, 2048):
        assert nominated(of(blocks), asked(6, seed=7), 8, flat=True).looked == PAIRS * blocks * BLOCK
        looked[blocks] = nominated(of(blocks), asked(6, seed=7), 8, flat=False).looked
    assert all(count <= PAIRS * 6 * 32 for count in looked.values())


def test_lists_hold_the_best_token_of_each_of_the_best_blocks() -> None:
    stored = keys(200)
    built = filled(stored)
    entered = built.tokens
    assert entered == 200 * BLOCK // 512 * 512
    assert sum(map(len, built.waiting)) == 200 * BLOCK - entered
    for pair, (space, lists) in enumerate(zip(built.spaces, built.lists, strict=True)):
        keys_KD = stored[:, pair].reshape(-1, DIMS)[:entered].to(torch.bfloat16).float()
        scores_CK = space.directions_CB @ space.short(keys_KD).T
        for direction in (0, 100, 255):
            expected = scores_CK[direction].reshape(-1, BLOCK).max(1)
            best = expected.values.topk(32)
            assert torch.allclose(lists.scores_CL[direction], best.values, atol=1e-4)
            tokens = best.indices * BLOCK + expected.indices[best.indices]
            overlap = torch.isin(tokens, lists.tokens_CL[direction].long()).float().mean()
            assert overlap > 0.95  # equal but for ties in rounding


@pytest.mark.parametrize("flat", [True, False])
def test_a_token_that_waits_is_found_exactly(flat: bool) -> None:
    stored, rows = keys(203), asked(6, seed=7)
    stored[202, :, 5] = 2.0 + rows[0][3] * 2
    built = filled(stored)
    assert built.tokens < 202 * BLOCK
    assert int(nominated(built, rows, 8, flat).blocks[0]) == 202


def test_blocks_in_any_portions_give_the_same_index() -> None:
    stored = keys(96)
    one, two = (filled(stored[:32]) for _ in range(2))
    for start in range(32, 96, 16):
        grown(one, stored[start : start + 16])
    grown(two, stored[32:])
    first, second = one.state(), two.state()
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("blocks", [5, 70])
def test_a_restored_index_goes_on_as_the_one_that_was_kept(blocks: int, tmp_path: Path) -> None:
    stored, rows = keys(blocks + 40), asked(6, seed=7)
    kept = filled(stored[:blocks])
    kept.codes.save(tmp_path, kept.tokens)
    again = Index(PAIRS, DIMS, sizes=SIZES, folder=tmp_path)
    again.restore({name: value.clone() for name, value in kept.state().items()})
    for built in (kept, again):
        grown(built, stored[blocks:])
    one, two = (nominated(built, rows, 8, flat=False) for built in (kept, again))
    assert one.looked == two.looked
    assert torch.equal(one.blocks, two.blocks)


def test_queries_that_are_fewer_than_directions_will_do() -> None:
    built = Index(PAIRS, DIMS, sizes=SIZES)
    built.add(keys(40))
    assert built.due
    built.train(asked(10, seed=5))
    assert nominated(built, asked(6, seed=7), 8, flat=False).blocks.tolist()


def test_codes_in_files_are_found_again_and_refused_where_they_are_damaged(tmp_path: Path) -> None:
    stored, rows = keys(200), asked(6, seed=7)
    kept, filed = filled(stored), filled(stored, folder=tmp_path)
    for flat in (True, False):
        one, two = (nominated(built, rows, 8, flat) for built in (kept, filed))
        assert torch.equal(one.blocks, two.blocks)
    filed.codes.save(tmp_path, filed.tokens)
    state = filed.state()
    path = tmp_path / "codes-001.bin"
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)
    with pytest.raises(TornContext, match=r"codes-001\.bin: missing or damaged"):
        Index(PAIRS, DIMS, sizes=SIZES, folder=tmp_path).restore(state)
