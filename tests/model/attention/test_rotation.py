"""What a layer does to its queries is learned from the layer, or refused.

Run: pytest tests/model/attention/test_rotation.py
"""

from typing import Any

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    CohereConfig,
    Glm4Config,
    GPT2Config,
    LlamaConfig,
    Ministral3Config,
    PreTrainedConfig,
)

from model.attention import rotation
from model.attention import sliding_window as attention
from tests.model.families import CONFIGS, HEADLESS, PADDED, SIZES

PAIRS = {
    "llama": [(4, False)] * 4,
    "gemma3": [(4, False)] * 4,
    "llama4": [(4, True)] * 3 + [(0, False)],
    "phi3": [(2, False)] * 4,
    "smollm3": [(4, False)] * 3 + [(0, False)],
    "cohere": [(4, True)] * 4,
    "glm4": [(2, True)] * 4,
}
OTHERS = {
    "cohere": CohereConfig(**HEADLESS, **PADDED),
    "glm4": Glm4Config(**SIZES, **PADDED, partial_rotary_factor=0.5),
}


def decoder(config: PreTrainedConfig, dtype: torch.dtype = torch.float32) -> Any:
    attention.register()
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(config, attn_implementation=attention.NAME, dtype=dtype).eval()


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_how_a_layer_pairs_its_dimensions_is_learned(name: str, dtype: torch.dtype) -> None:
    found = rotation.learned(decoder({**CONFIGS, **OTHERS}[name], dtype), 50)
    assert [(layer.cos_KR.shape[1], layer.neighbours) for layer in found] == PAIRS[name]


def test_layers_of_one_kind_share_their_angles_and_those_of_two_do_not() -> None:
    local, whole, *others = rotation.learned(decoder(CONFIGS["gemma3"]), 50)
    assert not torch.equal(local.sin_KR, whole.sin_KR)
    assert others == [local, whole]


@pytest.mark.parametrize("name", ["llama-yarn", "llama4", "phi3"])
def test_a_rotation_is_relative_and_keeps_lengths(name: str) -> None:
    """q at position 5 and k at position 2 score as q at 105 and k at 102."""
    turn = rotation.learned(decoder(CONFIGS[name]), 200)[0]
    q, k = torch.randn(2, 1, 1, 1, 8, generator=torch.Generator().manual_seed(0))
    near, far = ((turn(q, (place, 1)) * turn(k, (place - 3, 1))).sum() for place in (5, 105))
    torch.testing.assert_close(near, far, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(turn(q, (7, 1)).norm(), q.norm())
    torch.testing.assert_close(turn(q, (0, 1)), q)


@pytest.mark.parametrize("name", ["llama", "llama4", "phi3"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_pieces_long_and_short_are_turned_alike(name: str, dtype: torch.dtype) -> None:
    turn = rotation.learned(decoder(CONFIGS[name], dtype), 400)[0]
    x = torch.randn(2, 300, 3, 8, generator=torch.Generator().manual_seed(0)).to(dtype).transpose(1, 2)
    whole = turn(x, (10, 300))
    assert whole.is_contiguous()
    parts = [turn(x[:, :, at : at + 60], (10 + at, 60)) for at in range(0, 300, 60)]
    assert torch.equal(whole, torch.cat(parts, 2))
    assert torch.equal(
        turn(x, (0, 280), (10, 20)),
        torch.cat([turn(x, (0, 300))[:, :, :280], turn(x[:, :, 280:], (10, 20))], 2),
    )


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            GPT2Config(vocab_size=97, n_embd=48, n_head=6, n_layer=2),
            "GPT2LMHeadModel has no rotary positions",
        ),
        (Ministral3Config(**SIZES), "llama_4_scaling_beta"),
    ],
    ids=["gpt2", "ministral3"],
)
def test_positions_of_another_kind_are_refused(config: PreTrainedConfig, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        rotation.learned(decoder(config), 50)


def test_an_unknown_use_of_positions_is_refused() -> None:
    model = decoder(LlamaConfig(**SIZES))
    second = torch.tensor([0.0, 1.0]).view(2, 1, 1)  # the token at the second position
    model.model.layers[2].self_attn.q_proj.register_forward_hook(lambda _, __, q_BQE: q_BQE + second)
    with pytest.raises(ValueError, match="LlamaModel, layer 2: position changes a query in an unknown way"):
        rotation.learned(model, 50)
