"""In which numbers a model computes, and in which its linear layers keep their weights, by one name."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from model.weights import pick_dtype

if TYPE_CHECKING:
    import torch

PRECISIONS = ("auto", "float32", "bfloat16", "float8")


@dataclass(frozen=True)
class Precision:
    """What a reader is loaded in."""

    dtype: "torch.dtype"
    """Of embeddings, norms, attention and what is computed, and of linear layers unless they are in FP8."""
    float8: bool = False
    """Whether linear layers' weights are in FP8."""

    def __str__(self) -> str:
        return str(self.dtype).removeprefix("torch.") + (" with float8 weights" if self.float8 else "")


def pick_precision(name: str, device: "torch.device") -> Precision:
    """The precision of this name; `auto` is what the device computes quickest without changing weights.

    With float8 the rest is in that type too.

    Raises:
        ValueError: if the name is unknown.
    """
    import torch

    if name not in PRECISIONS:
        raise ValueError(f"precision={name!r}: choose one of {', '.join(PRECISIONS)}")
    if name in ("auto", "float8"):
        return Precision(pick_dtype(device), name == "float8")
    return Precision(getattr(torch, name))
