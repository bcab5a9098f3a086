"""A decoder from its folder onto a device, in a precision."""

from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM

from model.attention.rotation import decoder_of
from model.weights import without_bars
from model.weights.float8 import narrow
from model.weights.precision import Precision


def load(folder: Path, attention: str, device: torch.device, precision: Precision) -> Any:
    """A decoder for reading, with the attention of this name; the device never holds more than stays."""
    with without_bars():
        model = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=precision.dtype,
            attn_implementation=attention,
            use_safetensors=True,
            trust_remote_code=False,
        )
    if precision.float8:
        narrow(decoder_of(model).layers, device)
    return model.to(device).eval().requires_grad_(False)
