"""Codes and lists nominate the blocks that an exact scan would choose, and look at few of them.

Run: pytest tests/model/test_index.py
"""

import numpy as np
import pytest
import torch

from model import index
from model.index import Index

PAIRS, DIMS, BLOCK = 2, 32, 64


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments of 2,048 tokens, so that a few thousand tokens exercise what millions do."""
    monkeypatch.setattr(index, "FIRST", 2048)
    monkeypatch.setattr(index, "CENTROIDS", 32)
    monkeypatch.setattr(index, "LOOK", 2048)


def keys(blocks: int, seed: int = 1) -> torch.Tensor:
    """Keys (N, P, T, D) with a common mean and clusters, as a network's are."""
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(12, DIMS, generator=generator) * 0.7
    noise = torch.randn(blocks, PAIRS, BLOCK, DIMS, generator=generator)
    which = torch.randint(12, (blocks, PAIRS, BLOCK), generator=generator)
    return noise + centres[which] + 2.0


def filled(keys_NPTD: torch.Tensor, at_once: int = 8) -> Index:
    built = Index(PAIRS, DIMS)
    for part in torch.split(keys_NPTD, at_once):
        built.add(part)
    return built


def question(target_D: torch.Tensor) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    rows = torch.stack([target_D * 3, torch.randn(DIMS, generator=torch.Generator().manual_seed(4))])
    return [rows, rows], [torch.tensor([0, 1]), torch.tensor([0, 0])]


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("flat", [True, False])
@pytest.mark.parametrize("where", [3, 100, 199])
def test_a_key_that_matches_brings_its_block_to_the_front(flat: bool, where: int) -> None:
    stored = keys(200)
    target = torch.randn(DIMS, generator=torch.Generator().manual_seed(9))
    stored[where, :, 17] = 2.0 + target * 2
    found = filled(stored).nominate(*question(target), most=8, flat=flat)
    assert int(found.blocks[0]) == where


@pytest.mark.usefixtures("small")
def test_lists_look_at_a_share_that_falls_with_the_length_and_codes_at_everything() -> None:
    target = torch.randn(DIMS, generator=torch.Generator().manual_seed(9))
    looked = {}
    for blocks in (512, 1024, 2048):
        built = filled(keys(blocks))
        assert built.nominate(*question(target), 8, flat=True).looked == PAIRS * blocks * BLOCK
        looked[blocks] = built.nominate(*question(target), 8, flat=False).looked
    # powers of two are one segment, however long
    assert all(count <= PAIRS * (2048 + 2048 // 8) for count in looked.values())


@pytest.mark.usefixtures("small")
def test_segments_double_and_lose_no_token() -> None:
    built = filled(keys(200))
    sizes = [len(segment) for segment in built.segments]
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) == len(sizes)
    waiting = sum(map(len, built.waiting))
    assert sum(sizes) + waiting == 200 * BLOCK
    for pair in range(PAIRS):
        tokens = torch.cat([torch.from_numpy(segment.tokens[pair]) for segment in built.segments])
        assert tokens.sort().values.tolist() == list(range(sum(sizes)))


@pytest.mark.usefixtures("small")
def test_blocks_in_any_portions_give_the_same_index() -> None:
    stored = keys(96)
    one, two = filled(stored, 32).state(), filled(stored, 96).state()
    assert one.keys() == two.keys()
    assert all(torch.equal(one[name], two[name]) for name in one)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("blocks", [5, 70])
def test_a_restored_index_goes_on_as_the_one_that_was_kept(blocks: int) -> None:
    stored, target = keys(blocks + 40), torch.ones(DIMS)
    kept = filled(stored[:blocks])
    again = Index(PAIRS, DIMS)
    again.restore(kept.state())
    for built in (kept, again):
        built.add(stored[blocks:])
    one, two = (built.nominate(*question(target), 8, flat=False) for built in (kept, again))
    assert one.looked == two.looked
    assert torch.equal(one.blocks, two.blocks)


def test_codes_estimate_products_without_bias() -> None:
    generator = torch.Generator().manual_seed(2)
    keys_KD = torch.randn(4000, 64, generator=generator)
    query_D = torch.randn(64, generator=generator)
    built = Index(1, 64)
    codes = np.packbits((keys_KD @ built.rotation_DB).numpy() > 0, axis=1)
    estimate = (query_D @ built.rotation_DB) @ index._signs(codes).T * keys_KD.norm(dim=1) * index._GAIN
    exact = keys_KD @ query_D
    slope = float((estimate * exact).sum() / (exact**2).sum())
    assert abs(slope - 1) < 0.03
    assert float(torch.corrcoef(torch.stack([estimate, exact]))[0, 1]) > 0.85
