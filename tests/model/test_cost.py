"""The cost model says what torch counts.

Run: pytest tests/model/test_cost.py
"""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoModelForCausalLM, LlamaConfig

from model.cost import attended_keys, attention_flops_per_key, kv_bytes_per_token, linear_flops_per_token

SMOLLM2 = LlamaConfig(
    hidden_size=576,
    intermediate_size=1536,
    num_hidden_layers=30,
    num_attention_heads=9,
    num_key_value_heads=3,
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
