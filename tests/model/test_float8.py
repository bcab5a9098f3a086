"""Linear layers in FP8 compute what wide ones do, within its rounding, in fewer bytes.

Run: pytest tests/model/test_float8.py, with `-m gpu` on a GPU that multiplies FP8, with `-m slow` one needle
(half a minute)
"""

import copy
import logging
import pydoc_data.topics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.functional import cosine_similarity, linear

from model.context import heads, retrieve
from model.context.answer import answer
from model.context.context import Context, Memory
from model.context.named import context_of
from model.reader import Reader
from model.weights import HEADS, float8
from model.weights.float8 import FLOAT8, Float8Linear, narrow, scales, widen
from model.weights.precision import Precision, pick_precision
from tests.model import families
from tests.model.facts import FACT, QUESTION, SMALL

CPU = torch.device("cpu")
NARROW = Precision(torch.float32, float8=True)
STEP = 1 / 16
"""Of two neighbours in E4M3, beside the smaller one, half the distance."""


@pytest.fixture(scope="module", params=["llama", "qwen2", "llama4"])
def wide(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    config, folder = families.CONFIGS[request.param], tmp_path_factory.mktemp(request.param)
    return families.build(config, folder)[1].requires_grad_(False)


@pytest.fixture
def narrowed(wide: Any) -> Callable[[bool], Any]:
    """Makes copies of the model with weights in FP8, which are multiplied or widened."""

    def made(multiply: bool) -> Any:
        model = copy.deepcopy(wide)
        narrow(model.model.layers, CPU, multiply)
        return model

    return made


def read(model: Any) -> torch.Tensor:
    """Hidden states of a text in three chunks, and of one token behind them."""
    reader, ids = Reader.around(model, 64), families.ids_of(161)[0].tolist()
    cache = reader.start()
    return torch.cat([reader.read(cache, ids[start : start + 64]) for start in (0, 64, 128)])


def test_weights_are_kept_within_half_a_step_of_their_row() -> None:
    weight_NK = (
        torch.randn(32, 48, generator=torch.Generator().manual_seed(0)) * torch.logspace(-8, 4, 32)[:, None]
    )
    weight_NK[3] = 0
    scales_N1 = scales(weight_NK)
    kept_NK = widen((weight_NK / scales_N1).to(FLOAT8), scales_N1, torch.empty_like(weight_NK))
    smallest = scales_N1 * 2**-10  # half of E4M3's smallest number
    assert ((kept_NK - weight_NK).abs() <= (STEP * weight_NK.abs()).maximum(smallest) * 1.001).all()
    assert torch.equal(widen((kept_NK / scales_N1).to(FLOAT8), scales_N1, torch.empty_like(kept_NK)), kept_NK)


@pytest.mark.parametrize("bias", [False, True])
def test_a_layer_computes_with_its_rounded_weights_and_where_it_multiplies_them_with_rounded_tokens(
    bias: bool,
) -> None:
    torch.manual_seed(0)
    layer, x_BTK = torch.nn.Linear(48, 32, bias=bias).requires_grad_(False), torch.randn(2, 5, 48) * 9
    widened, multiplied = (Float8Linear(layer, CPU, room) for room in (torch.empty(48 * 32), None))
    weight_NK = widen(widened.weight, widened.scales, torch.empty(32, 48))
    assert torch.equal(widened(x_BTK), linear(x_BTK, weight_NK, layer.bias))
    scale_BT1 = scales(x_BTK)
    rounded_BTK = widen((x_BTK / scale_BT1).to(FLOAT8), scale_BT1, torch.empty_like(x_BTK))
    torch.testing.assert_close(multiplied(x_BTK), linear(rounded_BTK, weight_NK, layer.bias))


@pytest.mark.parametrize("multiply", [False, True])
def test_a_model_reads_with_rounded_weights_about_as_with_its_own(
    wide: Any, narrowed: Callable[[bool], Any], multiply: bool
) -> None:
    """Of random weights, which attend more sharply, and choose experts less surely, than learned ones."""
    own, rounded = read(wide), read(narrowed(multiply))
    assert float(cosine_similarity(own, rounded).mean()) > 0.97
    assert float(cosine_similarity(own, rounded).median()) > 0.985
    logits = [wide.lm_head(hidden) for hidden in (own, rounded)]
    assert float((logits[1] - logits[0]).norm() / logits[0].norm()) < 0.25


def test_only_linear_layers_of_the_decoder_are_rounded(narrowed: Callable[[bool], Any]) -> None:
    model = narrowed(False)
    names = {
        name.rsplit(".", 1)[-1] for name, layer in model.named_modules() if isinstance(layer, Float8Linear)
    }
    assert (
        {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"} >= names >= {"q_proj"}
    )
    for name, weight in model.named_parameters():
        if weight.dtype != torch.float32:
            assert name.startswith("model.layers.")
            assert not {"norm", "router"} & set(name.replace("layernorm", ".norm").split("."))
    assert model.dtype == torch.float32


def test_all_layers_widen_into_the_same_memory(narrowed: Callable[[bool], Any]) -> None:
    layers = [layer for layer in narrowed(False).modules() if isinstance(layer, Float8Linear)]
    (buffer,) = {
        layer._buffer.data_ptr(): layer._buffer for layer in layers if layer._buffer is not None
    }.values()
    assert buffer.numel() == max(layer.weight.numel() for layer in layers)


def test_a_reader_in_float8_holds_fewer_bytes_and_is_another_one_to_a_saved_context(
    tiny_model_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        own, rounded = (Reader(tiny_model_dir, 64, CPU, kind) for kind in (torch.float32, NARROW))
    assert "does not multiply it" in caplog.text
    assert (str(own.precision), str(rounded.precision)) == ("float32", "float32 with float8 weights")
    of_layers = [sum(weight.nbytes for weight in one.decoder.layers.parameters()) for one in (own, rounded)]
    assert of_layers[1] < 0.35 * of_layers[0]
    assert own.weights != rounded.weights
    assert rounded.tiles is None, "every tile would widen its weights again"


def test_a_context_keeps_all_keys_and_values_in_float8_where_weights_are(
    wide: Any, narrowed: Callable[[bool], Any]
) -> None:
    def kept(model: Any, memory: Memory) -> list[str]:
        context = Context(Reader.around(model, 64), families.HEADS, memory)
        assert context.kv is not None
        return [context.keys.format.name, context.kv.format.name]

    rounded = narrowed(False)
    assert kept(wide, Memory(kv=True)) == ["bfloat16", "bfloat16"]
    assert kept(rounded, Memory(kv=True)) == ["bfloat16", "float8"]
    assert kept(wide, Memory(kv=True, kv_storage="float8")) == ["bfloat16", "float8"]
    with pytest.raises(ValueError, match="storage='int4': choose one of float32, bfloat16, float8"):
        kept(rounded, Memory(kv=True, kv_storage="int4"))


def test_a_configuration_says_in_what_format_generate_keeps_keys_and_values(tmp_path: Path) -> None:
    _, model = families.build(families.CONFIGS["llama"], tmp_path, memory_storage="float8", window_size=256)
    heads.save(families.HEADS, model.config, tmp_path / HEADS, {})
    context = context_of(model, "k")
    assert context.kv is not None
    assert context.kv.format.name == "float8"


def test_a_precision_is_picked_by_name() -> None:
    auto = pick_precision("auto", CPU)
    assert not auto.float8
    assert pick_precision("float8", CPU) == Precision(auto.dtype, float8=True)
    assert pick_precision("bfloat16", CPU) == Precision(torch.bfloat16)
    with pytest.raises(ValueError, match="precision='int8': choose one of auto, float32, bfloat16, float8"):
        pick_precision("int8", CPU)


def test_a_processor_does_not_multiply_float8() -> None:
    assert not float8.multiplies(CPU)


@pytest.mark.gpu
def test_a_gpu_multiplies_float8_as_a_processor_does(wide: Any) -> None:
    device = torch.device("cuda")
    if not torch.cuda.is_available() or not float8.multiplies(device):
        pytest.skip("no CUDA device here that multiplies FP8")
    x_TK = torch.randn(33, 48, generator=torch.Generator().manual_seed(0)).bfloat16()
    linear = copy.deepcopy(wide.model.layers[0].self_attn.q_proj).bfloat16()
    cpu, gpu = (Float8Linear(copy.deepcopy(linear).to(on), on, None)(x_TK.to(on)) for on in (CPU, device))
    torch.testing.assert_close(gpu.cpu(), cpu, atol=2e-2, rtol=2e-2)
    there = copy.deepcopy(wide).bfloat16()
    own = read(there.to(device)).float()
    narrow(there.model.layers, device)
    assert float(cosine_similarity(own, read(there).float()).mean()) > 0.99


@pytest.mark.slow
def test_the_default_model_finds_and_answers_a_needle_with_rounded_weights(model_dir: Path) -> None:
    reader = Reader(model_dir, 512, CPU, pick_precision("float8", CPU))
    text = "\n\n".join(pydoc_data.topics.topics.values())
    ids = reader.tokenizer(text[:3000] + FACT + text[3000:9000], add_special_tokens=False)["input_ids"]
    question = reader.tokenizer(QUESTION, add_special_tokens=False)["input_ids"]
    context = Context(reader, heads.load(model_dir, reader.config), Memory(kv=True, index_sizes=SMALL))
    context.read(ids)
    chosen = retrieve.choose(context, question, 4)
    for way in ("recompute", "kv"):
        said = reader.tokenizer.decode(answer(context, question, chosen.blocks, 6, way))
        assert said.strip().startswith("48213"), way
    context.close()
