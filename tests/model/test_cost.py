"""The cost model says what torch counts.

Run: pytest tests/model/test_cost.py
"""

from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoModelForCausalLM, LlamaConfig

from model.bench.memory import EIGHT_BILLION
from model.context.context import Context, Memory
from model.context.index import Index, IndexSizes, held_bytes
from model.cost import (
    attended_keys,
    attention_flops_per_key,
    kv_bytes_per_token,
    linear_flops_per_token,
    read_bytes,
)
from model.geometry import BLOCK, SINKS
from model.reader import Reader
from model.weights.float8 import narrow
from tests.model import families

SMOLLM2 = LlamaConfig(
    hidden_size=576,
    intermediate_size=1536,
    num_hidden_layers=30,
    num_attention_heads=9,
    num_key_value_heads=3,
    vocab_size=49152,
    tie_word_embeddings=True,
)


def test_smollm2_costs_what_was_published_for_it() -> None:
    assert linear_flops_per_token(SMOLLM2) == 212_336_640
    assert attention_flops_per_key(SMOLLM2) == 69_120
    assert kv_bytes_per_token(SMOLLM2, 2) == 23_040


def test_linear_operations_are_those_torch_counts() -> None:
    config = LlamaConfig(
        vocab_size=11,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
    )
    model = AutoModelForCausalLM.from_config(config).get_decoder().eval()
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        model(torch.zeros(1, 6, dtype=torch.long), use_cache=False)
    counted = counter.get_flop_counts()["Global"][torch.ops.aten.mm]
    assert counted == 6 * linear_flops_per_token(config)


def test_attended_keys_equal_a_count_by_hand() -> None:
    # chunks of 4, 4, 2 with 1 sink: causal 10 + 10 + 3; past 0, then 4 keys, then 1 + 4 keys
    assert attended_keys(10, stride=4, sinks=1) == 10 + (4 * 4 + 10) + (2 * 5 + 3)


@pytest.mark.parametrize("sinks", [0, 1, 4, 9])
@pytest.mark.parametrize("tokens", [0, 1, 3, 4, 5, 8, 12, 13, 41, 43])
def test_attended_keys_equal_a_count_chunk_by_chunk(tokens: int, sinks: int) -> None:
    pairs, past = 0, 0
    for start in range(0, tokens, 4):
        chunk = min(4, tokens - start)
        pairs += chunk * past + chunk * (chunk + 1) // 2
        past = min(past + chunk, sinks + 4)
    assert attended_keys(tokens, stride=4, sinks=sinks) == pairs


def test_bytes_of_reading_are_those_that_are_held(tmp_path: Path) -> None:
    model = families.build(families.CONFIGS["llama"], tmp_path)[1].requires_grad_(False)
    assert read_bytes(model.config, 0, 64, SINKS, 4).weights == held(model)
    narrow(model.model.layers, torch.device("cpu"))
    reader, ids = Reader.around(model, 64), families.ids_of(200)[0].tolist()
    context = Context(reader, families.HEADS, Memory("float32", kv=True))
    context.read(ids)
    assert context.kv is not None
    expected = read_bytes(reader.config, context.blocks * BLOCK, 64, SINKS, 4, float8=True, native=False)
    assert held(model) == expected.weights
    assert sum(part.nbytes for part in context.cache.state().values()) <= expected.window
    assert len(context.kv) * context.kv.format.row_bytes == expected.kept


def held(model: torch.nn.Module) -> int:
    """Bytes of its weights without norms."""
    return sum(weight.nbytes for name, weight in model.named_parameters() if "norm" not in name)


def test_an_index_holds_about_what_is_said() -> None:
    sizes = IndexSizes(centroids=32, postings=16, training_tokens=256, batch=128, part=1 << 10)
    index = Index(2, 16, sizes=sizes)
    index.observe(0, torch.randn(64, 16))
    index.observe(1, torch.randn(64, 16))
    index.add(torch.randn(8, 2, BLOCK, 16))
    index.train([torch.cat(observed) for observed in index.observed])
    lists = sum(part.nbytes for one in index.lists for part in vars(one).values())
    directions = sum(space.directions_CB.nbytes for space in index.spaces)
    codes, keys = 2 * index.tokens * 8, 2 * index.tokens * 16 * 2
    assert held_bytes(index.tokens, 2, 16, sizes) == lists + directions + codes + keys


def test_float8_saves_more_than_30_percent_of_what_reading_takes() -> None:
    for config, native in ((EIGHT_BILLION, True), (SMOLLM2, False)):
        wide, narrowed = (
            read_bytes(config, 32768, 2048, SINKS, 2, float8, native) for float8 in (False, True)
        )
        assert narrowed.reading + narrowed.kept < 0.7 * (wide.reading + wide.kept)
    assert read_bytes(EIGHT_BILLION, 0, 2048, SINKS, 2).weights == pytest.approx(16.06e9, rel=1e-3)
