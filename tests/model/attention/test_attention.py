"""The stream's attention equals the plain rule, and its cache forgets what it should.

Run: pytest tests/model/attention/test_attention.py
"""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from model.attention.attend import Reach, attend, attend_near
from model.attention.kernels import KERNELS, attend_reference, merge
from model.attention.probe import Probe
from model.attention.sliding_window import StreamingCache


@pytest.mark.parametrize("kernel", KERNELS)
@given(past=st.integers(0, 70), queries=st.integers(1, 40), scale=st.sampled_from([0.1, 1.0, 8.0]))
def test_every_kernel_equals_the_plain_rule(kernel: str, past: int, queries: int, scale: float) -> None:
    torch.manual_seed(past * 100 + queries)
    q = torch.randn(2, 6, queries, 16)
    k, v = (torch.randn(2, 3, past + queries, 16) for _ in range(2))
    expected = attend_reference(q, k, v, scale)
    torch.testing.assert_close(attend(q, k, v, scale, kernel=kernel), expected, atol=2e-5, rtol=1e-4)


def with_bf16_weights(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scale: float) -> torch.Tensor:
    """The rule with softmax weights and outputs rounded to bf16: the best that products of bf16 can do."""
    queries, keys, heads = q.shape[2], k.shape[2], q.shape[1] // k.shape[1]
    k, v = (x.float().repeat_interleave(heads, dim=1) for x in (k, v))
    later = torch.ones(queries, keys, dtype=torch.bool).triu(keys - queries + 1)
    scores = (q.float() @ k.transpose(2, 3) * scale).masked_fill(later, -torch.inf)
    return (scores.softmax(-1).bfloat16().float() @ v).bfloat16().float()


@pytest.mark.parametrize("kernel", KERNELS)
@given(
    past=st.sampled_from([0, 1, 8, 64, 400]),
    queries=st.integers(64, 270),
    dims=st.sampled_from([16, 24, 64]),
    scale=st.sampled_from([0.02, 0.125, 0.5]),
    seed=st.integers(0, 99),
)
def test_every_kernel_is_nearly_as_exact_in_bf16_as_bf16_can_be(
    kernel: str, past: int, queries: int, dims: int, scale: float, seed: int
) -> None:
    """Also where a chunk has hardly a past, from which the tiles could learn how large scores are."""
    torch.manual_seed(seed)
    q = torch.randn(1, 6, queries, dims).bfloat16()
    k, v = (torch.randn(1, 3, past + queries, dims).bfloat16() for _ in range(2))
    right = attend_reference(q.float(), k.float(), v.float(), scale)
    off = (attend(q, k, v, scale, kernel=kernel).float() - right).norm()
    assert off < 0.005 * right.norm()
    assert off < 1.8 * (with_bf16_weights(q, k, v, scale) - right).norm()


def test_a_chunk_that_learns_is_left_to_the_kernel_that_can() -> None:
    q, k, v = (torch.randn(1, 2, 70, 16, requires_grad=True) for _ in range(3))
    assert attend(q, k, v, 0.25, kernel="tiles").requires_grad


def test_tiles_survive_logits_that_no_sample_predicts() -> None:
    torch.manual_seed(0)
    q, k = torch.randn(1, 2, 300, 64).bfloat16(), torch.randn(1, 1, 1000, 64).bfloat16()
    v = torch.randn(1, 1, 1000, 64).bfloat16()
    k[:, :, 101] *= 60  # of the keys behind the first ones, each eighth is sampled: this one is not
    out = attend(q, k, v, 1.0, kernel="tiles")
    assert out.isfinite().all()
    right = attend_reference(q.float(), k.float(), v.float(), 1.0)
    assert (out.float() - right).norm() < 0.02 * right.norm()


@pytest.mark.parametrize("past", [0, 1, 500])
def test_tiles_are_exact_for_heads_that_look_at_what_is_near(past: int) -> None:
    torch.manual_seed(0)
    k = torch.randn(1, 1, past + 300, 64)
    q = 0.6 * k[:, :, past:].repeat(
        1, 3, 1, 1
    )  # every query's greatest score is far above all others: its own
    q[:, :, 1:] += 0.5 * k[:, :, past:-1]
    q, k, v = q.bfloat16(), k.bfloat16(), torch.randn(1, 1, past + 300, 64).bfloat16()
    right = attend_reference(q.float(), k.float(), v.float(), 0.5)
    assert (attend(q, k, v, 0.5, kernel="tiles").float() - right).norm() < 0.01 * right.norm()


def by_the_rule(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, past: int, branches: list[int], reach: Reach
) -> torch.Tensor:
    """Query by query: the past and its own branch up to itself, from the first key that it reaches."""
    out, start = [], 0
    for length in branches:
        for query in range(length):
            place = past + query
            keys = [*range(past), *range(past + start, past + start + query + 1)]
            near = keys[max(place // reach.chunk * reach.chunk if reach.chunk else 0, 0) :]
            near = near[-reach.window :] if reach.window else near
            one = q[:, :, start + query : start + query + 1]
            out.append(attend_reference(one, k[:, :, near], v[:, :, near], 0.3))
        start += length
    return torch.cat(out, 2)


@given(
    past=st.integers(0, 60),
    branches=st.lists(st.integers(1, 9), min_size=1, max_size=4),
    window=st.none() | st.integers(1, 80),
    chunk=st.none() | st.integers(1, 80),
)
def test_branches_attend_the_past_and_themselves_as_far_as_they_reach(
    past: int, branches: list[int], window: int | None, chunk: int | None
) -> None:
    torch.manual_seed(past)
    q = torch.randn(1, 4, sum(branches), 16)
    k, v = (torch.randn(1, 2, past + sum(branches), 16) for _ in range(2))
    reach = Reach(window, chunk)
    expected = by_the_rule(q, k, v, past, branches, reach)
    torch.testing.assert_close(attend_near(q, k, v, 0.3, reach, branches), expected, atol=2e-5, rtol=1e-4)
    if reach == Reach():
        torch.testing.assert_close(attend(q, k, v, 0.3, branches), expected, atol=2e-5, rtol=1e-4)


@given(
    past=st.integers(1, 40),
    branches=st.lists(st.integers(3, 9), min_size=1, max_size=3),
    window=st.none() | st.integers(1, 50),
    chunk=st.none() | st.integers(1, 50),
)
def test_a_probe_sums_what_its_last_queries_pay_to_the_past(
    past: int, branches: list[int], window: int | None, chunk: int | None
) -> None:
    torch.manual_seed(past)
    q, k = torch.randn(2, 4, sum(branches), 16), torch.randn(2, 2, past + sum(branches), 16)
    shown_KK = torch.eye(k.shape[2]).expand(2, 2, -1, -1)  # values that say which key they belong to
    reach, probe = Reach(window, chunk), Probe(branches, queries=3)
    probe(q, k, 0.3, reach)
    weights = torch.split(by_the_rule(q, k, shown_KK, past, branches, reach), branches, dim=2)
    expected = torch.stack([weights_BHQK[:, :, -3:, :past].mean((1, 2)) for weights_BHQK in weights], 1)
    assert probe.mass_BNK is not None
    torch.testing.assert_close(probe.mass_BNK, expected, atol=2e-5, rtol=1e-4)


@given(
    cut=st.integers(0, 30),
    form=st.sampled_from(
        [
            *((torch.float32, 1e-3), (torch.float32, 1.0), (torch.float32, 10.0)),
            *((torch.float64, 1e3), (torch.float64, 1e9)),  # where fp32 resolves no 1e-5
        ]
    ),
)
def test_parts_merged_by_log_sum_exp_equal_one_softmax(cut: int, form: tuple[torch.dtype, float]) -> None:
    torch.manual_seed(cut)
    kind, magnitude = form
    scores, v = torch.randn(1, 2, 5, 30).double() * magnitude, torch.randn(1, 2, 30, 4)
    parts: list[torch.Tensor] = []
    for index in (slice(0, cut), slice(cut, 30)):
        lse = torch.logsumexp(scores[..., index], -1).to(kind)
        out = scores[..., index].softmax(-1).float() @ v[:, :, index]
        parts += [out, lse]
    merged, lse = merge(*parts)
    torch.testing.assert_close(merged, scores.softmax(-1).float() @ v, atol=1e-5, rtol=0)
    torch.testing.assert_close(lse.double(), torch.logsumexp(scores, -1), atol=1e-5, rtol=1e-6)


def test_two_empty_parts_merge_into_an_empty_part_without_nan() -> None:
    out, lse = torch.zeros(1, 1, 2, 4), torch.full((1, 1, 2), -torch.inf)
    merged, both = merge(out, lse, out, lse)
    assert torch.isneginf(both).all()
    assert not merged.any()


def test_a_cache_keeps_its_sinks_and_the_last_chunk_and_nothing_else() -> None:
    cache = StreamingCache(1, sinks=2)
    for start in range(0, 40, 10):
        cache.slide(10)
        keys = torch.arange(start, start + 10.0).view(1, 1, 10, 1)
        cache.update(keys, -keys, 0)
    kept = cache.layers[0].keys.flatten().tolist()
    assert kept == [0, 1, *range(20, 40)]
    assert (cache.held, cache.read) == (22, 40)
    cache.crop(15)
    assert (cache.held, cache.get_seq_length()) == (15, 33)
