"""Any decoder with the registered attention gives Hugging Face's own logits while the text fits the window.

Run: pytest tests/model/attention/test_registered.py
"""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    DeepseekV3Config,
    DynamicCache,
    Gemma2Config,
    GPTNeoXConfig,
    GptOssConfig,
    JetMoeConfig,
    PreTrainedConfig,
    StableLmConfig,
)

from model.attention import fields
from model.attention.sliding_window import NAME
from model.geometry import SINKS
from model.reader import Reader
from tests.model.families import CONFIGS, HEADLESS, PADDED, SIZES, build, cut, ids_of

NEOX = GPTNeoXConfig(**{name: size for name, size in HEADLESS.items() if name != "num_key_value_heads"})
JETMOE = JetMoeConfig(**SIZES, **PADDED, kv_channels=8, num_local_experts=2, num_experts_per_tok=2)
STABLELM = StableLmConfig(**HEADLESS, **PADDED)
LATENT = {"q_lora_rank": 8, "kv_lora_rank": 8, "qk_rope_head_dim": 4, "qk_nope_head_dim": 8, "v_head_dim": 8}
EXPERTS = {"n_routed_experts": 4, "n_group": 1, "topk_group": 1, "moe_intermediate_size": 16}
DEEPSEEK = DeepseekV3Config(**HEADLESS | {"num_key_value_heads": 6}, **PADDED, **LATENT, **EXPERTS)


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("chunk", [33, 200])
@torch.inference_mode()
def test_logits_equal_hugging_face_within_the_window(name: str, chunk: int, tmp_path: Path) -> None:
    theirs, ours = build(CONFIGS[name], tmp_path)
    short = name == "llama4-chunked" and chunk < 200  # not to be continued beyond its first chunk
    ids = ids_of(46 if short else 200)
    cache, parts = DynamicCache(config=ours.config), []
    for part in cut(ids, chunk) if short or name != "llama4-chunked" else [ids]:
        parts.append(ours(part, past_key_values=cache, use_cache=True).logits)
    assert float((torch.cat(parts, 1) - theirs(ids).logits).abs().max()) < 1e-4


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("chunk", [33, 200])
@torch.inference_mode()
def test_a_stream_gives_the_same_logits_in_any_chunks(name: str, chunk: int, tmp_path: Path) -> None:
    theirs, ours = build(CONFIGS[name], tmp_path)
    reader, ids = Reader.around(ours, 128), ids_of(200)
    cache = reader.start()
    hidden = [reader.extend(cache, part[0].tolist()) for part in cut(ids, chunk)]
    logits = ours.get_output_embeddings()(torch.cat(hidden))
    assert float((logits - theirs(ids).logits[0]).abs().max()) < 1e-4


@pytest.mark.parametrize("config", [NEOX, JETMOE], ids=["gpt-neox", "jetmoe"])
@torch.inference_mode()
def test_families_with_ways_of_their_own_are_read_all_the_same(
    config: PreTrainedConfig, tmp_path: Path
) -> None:
    """One has no field for key/value heads, the other wants what attention gives in one piece."""
    theirs, ours = build(config, tmp_path)
    reader, ids = Reader.around(ours, 128), ids_of(100)
    hidden_QE = reader.extend(reader.start(), ids[0].tolist())
    assert float((ours.get_output_embeddings()(hidden_QE) - theirs(ids).logits[0]).abs().max()) < 1e-4
    assert reader.config.num_key_value_heads > 1


@pytest.mark.parametrize(
    ("config", "message"),
    [(STABLELM, "0 of 4 layers attend through"), (DEEPSEEK, "keys of 12 dimensions and values of 8")],
)
def test_what_a_context_cannot_read_is_refused_by_name(
    config: PreTrainedConfig, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=message):
        Reader.around(build(config, tmp_path)[1], 128)


@torch.inference_mode()
def test_a_chunked_layer_is_not_continued_from_a_cache_without_positions(tmp_path: Path) -> None:
    _, ours = build(CONFIGS["llama4-chunked"], tmp_path)
    cache = DynamicCache(config=ours.config)
    ours(ids_of(60), past_key_values=cache)
    with pytest.raises(ValueError, match=r"attention_chunk_size=48.* in one call"):
        ours(ids_of(5), past_key_values=cache)


@torch.inference_mode()
def test_beyond_the_window_a_query_sees_sinks_the_last_chunk_and_its_own(tmp_path: Path) -> None:
    _, ours = build(CONFIGS["llama"], tmp_path, window_size=256, window_overlap=0.5)
    assert fields.stride_of(ours.config) == 128
    ids = ids_of(500)
    one_layer = ours.get_decoder().layers[:1]
    ours.get_decoder().layers, ours.config.num_hidden_layers = one_layer, 1
    before = ours(ids).logits
    for changed, matters in ((SINKS - 1, True), (SINKS, False), (255, False), (256, True), (383, True)):
        other = ids.clone()
        other[0, changed] = (other[0, changed] + 1) % 97
        seen = not torch.equal(ours(other).logits[0, 400:], before[0, 400:])
        assert seen == matters, f"token {changed} as seen from 400 on"


@torch.inference_mode()
def test_a_text_in_one_call_or_in_many_is_the_same(tmp_path: Path) -> None:
    _, ours = build(CONFIGS["llama"], tmp_path, window_size=128)
    ids, cache = ids_of(400), DynamicCache()
    parts = [ours(part, past_key_values=cache).logits for part in torch.split(ids, 37, dim=1)]
    torch.testing.assert_close(torch.cat(parts, 1), ours(ids).logits, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"window_size": 100}, "window_size=100"),
        ({"window_overlap": 0.25}, r"window_overlap=0.25"),
        ({"window_overlap": 1.5}, r"window_overlap=1.5"),
    ],
)
def test_a_window_that_cannot_be_is_named(tmp_path: Path, fields: dict[str, Any], message: str) -> None:
    _, ours = build(CONFIGS["llama"], tmp_path, **fields)
    with pytest.raises(ValueError, match=message):
        ours(ids_of(10))


def test_padded_batches_and_capped_logits_are_refused(tmp_path: Path) -> None:
    _, ours = build(CONFIGS["llama"], tmp_path / "llama")
    with pytest.raises(ValueError, match="no padded batch"):
        ours(ids_of(6), attention_mask=torch.tensor([[0, 1, 1, 1, 1, 1]]))
    assert ours(ids_of(6), attention_mask=torch.ones(1, 6)).logits.shape == (1, 6, 97)
    _, ours = build(Gemma2Config(**SIZES, pad_token_id=0), tmp_path / "gemma2")
    with pytest.raises(ValueError, match=r"attn_logit_softcapping=50.0"):
        ours(ids_of(6))
    sinks = GptOssConfig(**SIZES, pad_token_id=0, num_local_experts=4)
    with pytest.raises(ValueError, match="attention sinks of the weights"):
        build(sinks, tmp_path / "gpt-oss")[1](ids_of(6))


@torch.inference_mode()
def test_the_attention_of_a_loaded_model_is_set_by_its_configuration(tmp_path: Path) -> None:
    """What another model's configuration means by a field of that name stays, and is saved with it."""
    theirs, ours = build(CONFIGS["llama"], tmp_path, window_size=128)
    ids, before = ids_of(400), theirs(ids_of(400)).logits
    assert theirs.config.attention_type == "eager"
    theirs.config.attention_type, theirs.config.window_size = NAME, 128
    assert torch.equal(theirs(ids).logits, ours(ids).logits)
    theirs.config.attention_type = "eager"
    assert torch.equal(theirs(ids).logits, before)
    theirs.config.attention_type = "block_sparse"
    assert theirs.config._attn_implementation == "eager"
    assert theirs.config.to_dict()["attention_type"] == "block_sparse"
