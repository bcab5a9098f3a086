"""Numbers in FP8, and linear layers whose weights are held in them: half the bytes of bf16.

The idea: a matrix of weights keeps one fp32 scale for every row. Where the device multiplies FP8, a layer's
input is put into it too, with a scale for every token; elsewhere each matrix is widened, just before its
product, into memory that all layers share. FP8 is E4M3 (Micikevicius et al. 2022, "FP8 formats for deep
learning", arXiv 2209.05433).

Shape suffixes: T tokens, N outputs, K inputs.
"""

import logging
from collections.abc import Iterator
from functools import cache

import torch
from torch.nn.functional import ScalingType, linear, scaled_mm

log = logging.getLogger(__name__)
FLOAT8 = torch.float8_e4m3fn
_LARGEST = 448.0
_NO_BIT_14 = ~(1 << 14)
_BIAS = 2.0**8
"""The exponent of fp16 counts from 15, that of E4M3 from 7."""
_MULTIPLE = 16
"""Kernels of FP8 products take matrices whose sides are multiples of this."""
_ROUTERS = {"gate", "router"}
"""Names of layers that choose experts: a rounded choice is another one."""
_FIRST = (8, 9)
"""Compute capability of the first GPUs that multiply FP8."""


def scales(x: torch.Tensor) -> torch.Tensor:
    """What the largest E4M3 number is to be multiplied by to reach that of each vector, (..., 1)."""
    return x.abs().amax(-1, keepdim=True).float().clamp(min=1e-12) / _LARGEST


def widen(numbers: torch.Tensor, scales: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
    """Numbers in E4M3, or their bits, times their scales, into `out` of any float type; returns it."""
    # The bits of E4M3, moved to where fp16 has them: torch's own conversion takes seven times as long.
    bits = numbers.view(torch.int8).to(torch.int16).bitwise_left_shift_(7)
    out.copy_(bits.bitwise_and_(_NO_BIT_14).view(torch.float16).reshape(out.shape))
    return out.mul_(scales * _BIAS)


class Float8Linear(torch.nn.Module):
    """A linear layer with weights in FP8, for reading only: nothing is learned through it.

    Args:
        of: the layer that it stands for.
        device: where it runs.
        buffer: as many numbers of the input's type, to widen the matrix into; None multiplies in FP8.
    """

    def __init__(self, of: torch.nn.Linear, device: torch.device, buffer: torch.Tensor | None) -> None:
        super().__init__()
        self.in_features, self.out_features, self._buffer = of.in_features, of.out_features, buffer
        weight_NK = of.weight.detach().to(device)
        scales_N1 = scales(weight_NK)
        self.weight = _fixed((weight_NK / scales_N1).to(FLOAT8))
        self.scales = _fixed(scales_N1)
        self.bias = of.bias

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(..., K) to (..., N), in the input's type."""
        if self._buffer is not None:
            weight_NK = self._buffer[: self.weight.numel()].view(self.weight.shape)
            return linear(x, widen(self.weight, self.scales, weight_NK), self.bias)
        product_TN = _product(x.reshape(-1, self.in_features), self.weight, self.scales, self.bias)
        return product_TN.view(*x.shape[:-1], self.out_features)


def _fixed(x: torch.Tensor) -> torch.nn.Parameter:
    return torch.nn.Parameter(x, requires_grad=False)


def _product(
    x_TK: torch.Tensor, weight_NK: torch.Tensor, scales_N1: torch.Tensor, bias_N: torch.Tensor | None
) -> torch.Tensor:
    """Of tokens, put into FP8 here, and weights that are; in the tokens' type."""
    scales_T1 = scales(x_TK)
    product_TN: torch.Tensor = scaled_mm(
        (x_TK / scales_T1).to(FLOAT8),
        weight_NK.t(),
        scales_T1,
        ScalingType.RowWise,
        scales_N1.t(),
        ScalingType.RowWise,
        bias=bias_N,
        output_dtype=x_TK.dtype,
        use_fast_accum=True,  # the sums of so rounded numbers need no more
    )
    return product_TN


@cache
def multiplies(device: torch.device) -> bool:
    """Whether a device multiplies FP8 with a scale for every row.

    GPUs do from compute capability 8.9 on, but not under every build of torch (RTX 50): a product is tried.
    """
    if device.type != "cuda" or torch.cuda.get_device_capability(device) < _FIRST:
        return False
    ones = torch.ones(_MULTIPLE, _MULTIPLE, device=device, dtype=torch.bfloat16)
    try:
        _product(ones, ones.to(FLOAT8), scales(ones), None)
    except (RuntimeError, ValueError):
        return False
    return True


def narrow(layers: torch.nn.Module, device: torch.device, multiply: bool | None = None) -> None:
    """Put the linear layers within `layers` into FP8, on the device where they will run.

    Left as they are: what chooses experts, experts that are no linear layers (Llama 4), and layers with sides
    that are no multiples of 16.

    Args:
        multiply: in FP8; by default where the device does.
    """
    chosen = list(_chosen(layers))
    buffer = None
    if chosen and not (multiplies(device) if multiply is None else multiply):
        most = max(layer.weight.numel() for _, _, layer in chosen)
        buffer = torch.empty(most, dtype=chosen[0][2].weight.dtype, device=device)
        log.warning(
            "float8: this device does not multiply it, so weights are widened before every product: it saves "
            "memory but no time, and makes writing, token by token, slower"
        )
    while chosen:  # none is held longer than until its copy is made
        parent, name, layer = chosen.pop()
        setattr(parent, name, Float8Linear(layer, device, buffer))


def _chosen(layers: torch.nn.Module) -> Iterator[tuple[torch.nn.Module, str, torch.nn.Linear]]:
    """Linear layers to put into FP8, each with the module that holds it and its name there."""
    for parent in layers.modules():
        for name, child in parent.named_children():
            if type(child) is torch.nn.Linear and name not in _ROUTERS and _fits(child):
                yield parent, name, child


def _fits(layer: torch.nn.Linear) -> bool:
    return layer.in_features % _MULTIPLE == layer.out_features % _MULTIPLE == 0


def is_narrow(model: torch.nn.Module) -> bool:
    """Whether a model has linear layers in FP8."""
    return any(isinstance(module, Float8Linear) for module in model.modules())
