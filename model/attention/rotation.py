"""How a decoder turns queries and keys with their position, learned from the decoder itself.

The idea: a text of one token attends itself alone, so nothing in it depends on its position but the turn of
each layer's queries. Run at two positions, every layer shows which dimensions it pairs (halves, neighbours,
some, or none: NoPE). The angles are those of the model's own rotary module, exactly. A norm behind the
rotation (Llama 4) changes nothing: turning keeps lengths.

RoPE: Su et al. 2021, "RoFormer" (arXiv 2104.09864), eq. 34.

Shape suffixes: B batch, H heads, K positions, D head size, R pairs that turn, W columns of a rotary module.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch

_PROBED = 97
"""The second position: far enough for most pairs to have turned, near enough for any trained range."""
_LONG = 256
"""Positions from which a CPU turns heads one by one."""
_OFF = 0.02
"""Share of a query's length by which it may miss its expected turn; bfloat16 misses by a fifth of this."""


@dataclass(frozen=True)
class Rotation:
    """Turns of one layer at compact positions 0 .. K-1; none at all in a NoPE layer, where R is 0."""

    cos_KR: torch.Tensor
    sin_KR: torch.Tensor
    neighbours: bool
    """Dimension 2 r is paired with 2 r + 1; otherwise r with R + r. Those beyond 2 R stay."""

    def __call__(self, x_BHKD: torch.Tensor, *pieces: tuple[int, int]) -> torch.Tensor:
        """`x`, cut into pieces of given lengths, each as standing at positions start, start + 1, ...

        Args:
            pieces: (start, length) of each, in order; together they are all of `x`.
        """
        out_BHKD, at, turned = x_BHKD.new_empty(x_BHKD.shape), 0, 2 * self.cos_KR.shape[1]
        for start, length in pieces:
            piece = slice(at, at := at + length)
            x, out = x_BHKD[:, :, piece], out_BHKD[:, :, piece]
            cos_sin = self.cos_KR[start : start + length], self.sin_KR[start : start + length]
            if length < _LONG or x.device.type != "cpu":
                self._turn(x[..., :turned], out[..., :turned], *cos_sin)
            else:  # head by head, so that what is made in between stays in the cache
                for row in range(x.shape[0]):
                    for head in range(x.shape[1]):
                        self._turn(x[row, head, :, :turned], out[row, head, :, :turned], *cos_sin)
        out_BHKD[..., turned:] = x_BHKD[..., turned:]
        return out_BHKD

    def _turn(self, x: torch.Tensor, out: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> None:
        wide = x.float()
        made = out if out.dtype == wide.dtype else torch.empty_like(wide)
        (one, two), (out_one, out_two) = self._pairs(wide), self._pairs(made)
        torch.mul(one, cos, out=out_one).addcmul_(two, sin, value=-1)  # nothing is held twice
        torch.mul(two, cos, out=out_two).addcmul_(one, sin)
        if made is not out:
            out.copy_(made)

    def _pairs(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Both dimensions of every pair, as views."""
        if self.neighbours:
            return x[..., ::2], x[..., 1::2]
        one, two = x.chunk(2, dim=-1)
        return one, two


def decoder_of(model: Any) -> Any:
    """The module that runs a model's layers; transformers' `get_decoder` may still name a wrapper of it.

    Raises:
        ValueError: if it has no rotary positions.
    """
    for module in model.get_decoder().modules():
        if hasattr(module, "rotary_emb") and hasattr(module, "layers"):
            return module
    raise ValueError(
        f"{type(model).__name__} has no rotary positions, which a context needs: choose another model"
    )


@torch.inference_mode()
def learned(model: Any, capacity: int) -> list[Rotation]:
    """What every layer of `model` does at positions 0 .. capacity-1; its attention tells `on_query`.

    Raises:
        ValueError: if a layer does something to its queries that is none of the known rotations, or cannot be
            asked.
    """
    decoder = decoder_of(model)
    if "llama_4_scaling_beta" in (getattr(decoder.config, "rope_parameters", None) or {}):
        raise ValueError(
            f"{type(decoder).__name__} scales queries by the position it is given (llama_4_scaling_beta), "
            "and a context gives every token the same: choose another model"
        )
    turns = cache(_turns_of(decoder.rotary_emb, model.device))
    rotations = cache(lambda kind, form: _forms(turns(range(capacity), kind))[form])
    kinds = getattr(decoder.config, "layer_types", None) or [None] * len(decoder.layers)
    found, probed = [], _probed(decoder, model)
    if len(probed) < len(decoder.layers):
        raise ValueError(
            f"{type(decoder).__name__}: {len(probed)} of {len(decoder.layers)} layers attend through "
            "transformers' AttentionInterface and hand on what it is given, and a context needs all of them: "
            "choose another model"
        )
    for layer, (q_HD, turned_HD) in probed.items():
        forms = _forms(turns((0, _PROBED), kinds[layer]))
        off = [_missed(rotation, q_HD, turned_HD) for rotation in forms]
        best = min(range(len(forms)), key=off.__getitem__)
        if off[best] > _OFF:
            raise ValueError(
                f"{type(decoder).__name__}, layer {layer}: position changes a query in an unknown way "
                f"({off[best]:.0%} off the nearest rotation); a context needs rotary positions"
            )
        found.append(rotations(kinds[layer], best))
    return found


def _probed(decoder: Any, model: Any) -> dict[int, torch.Tensor]:
    """Every layer's queries of one token at both positions, (2, H, D) in fp32."""
    caught: dict[int, torch.Tensor] = {}
    size = model.get_input_embeddings().embedding_dim
    token = torch.randn(1, 1, size, generator=torch.Generator().manual_seed(0))
    decoder(
        inputs_embeds=token.repeat(2, 1, 1).to(model.device, model.dtype),
        position_ids=torch.tensor([[0], [_PROBED]], device=model.device),
        use_cache=False,
        on_query=lambda layer, q_BHQD: caught.update({layer: q_BHQD[:, :, 0].float()}),
    )
    return caught


def _turns_of(rotary: Any, device: torch.device) -> Callable[[Any, str | None], torch.Tensor]:
    """A function of positions, the first of them 0, and a layer's type: cos + i sin of the angles, (K, W).

    YaRN scales both by a factor that the model has applied once already at position 0: it is divided out.
    """
    takes_kind = "layer_type" in inspect.signature(rotary.forward).parameters  # Gemma 3 has two rotaries

    def turns(positions: Any, kind: str | None) -> torch.Tensor:
        like, places = torch.empty(0, device=device), torch.tensor([list(positions)], device=device)
        made = rotary(like, position_ids=places, **({"layer_type": kind} if takes_kind else {}))
        turns_KW: torch.Tensor = (made if isinstance(made, torch.Tensor) else torch.complex(*made))[0]
        return turns_KW / turns_KW[0, 0].real

    return turns


def _forms(turns_KW: torch.Tensor) -> list[Rotation]:
    """All that families make of a rotary module's columns, always in the same order; NoPE comes first.

    The columns are the pairs (Llama 4), or each pair twice: all and all again (Llama), or in a row (Cohere).
    """
    columns = (turns_KW[:, :0], turns_KW, turns_KW.chunk(2, -1)[0], turns_KW[:, ::2])
    return [
        Rotation(turns_KR.real.contiguous(), turns_KR.imag.contiguous(), neighbours)
        for turns_KR in columns
        for neighbours in (False, True)
    ]


def _missed(rotation: Rotation, q_HD: torch.Tensor, turned_HD: torch.Tensor) -> float:
    """How far `rotation` takes a query past its observed turn, as a share of its length."""
    if 2 * rotation.cos_KR.shape[1] > q_HD.shape[1]:
        return torch.inf
    expected_HD = rotation(q_HD[None, :, None], (1, 1))[0, :, 0]
    return float((expected_HD - turned_HD).norm() / turned_HD.norm())
