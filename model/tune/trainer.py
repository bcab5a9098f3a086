"""One model that learns, step by step, as a DeepSpeed job of any number of ranks that share every sample.

The idea: all that a step depends on is its number and the weights, so a run that was killed goes on from its
last checkpoint with the very losses of one that was not. Optimizer states, gradients and, from ZeRO stage 3,
weights are divided among the ranks (Rajbhandari et al. 2020, "ZeRO: Memory optimizations toward training
trillion parameter models").

Shape suffixes: Q tokens of a rank, V vocabulary, E hidden size.
"""

import json
import math
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import cross_entropy
from torch.utils.checkpoint import checkpoint
from transformers import AutoModelForCausalLM, AutoTokenizer

from model.attention import sliding_window as attention
from model.attention.rotation import decoder_of, learned
from model.context.heads import Heads
from model.files import write_atomic
from model.parallel.collectives import Ranks, deepspeed_engine, whole_weights
from model.parallel.layout import cuts
from model.tune.attention import NAME, Shared, register
from model.tune.entropy import Entropies

_LOSSES = "losses.jsonl"
_KEPT = 2
"""Checkpoints that are kept: the last, and one before it."""
_SLICE = 512
"""Tokens whose logits are held at once."""


@dataclass(frozen=True)
class Tuning:
    """How a model is tuned."""

    steps: int
    tokens: int
    """Of a sample."""
    window: int
    learning_rate: float
    retrieval_entropy: float
    """Weight in the loss of the entropy of the retrieving heads over the context, 0 to 1."""
    local_entropy: float
    """Weight of one minus the other heads' entropy over the window."""
    zero: int
    """Stage of ZeRO, 0 to 3."""
    warmup: int = 4
    """Steps in which the learning rate rises."""
    checkpoint_every: int = 20
    """Steps."""


@dataclass(frozen=True)
class Step:
    """What one step showed, before the weights changed."""

    step: int
    loss: float
    """What is minimised: `nats` and the weighted entropies."""
    nats: float
    """Mean negative log-likelihood of a token."""
    retrieval: float
    local: float


class Trainer:
    """A model, its optimizer and how far they are.

    Args:
        folder: of the model that is tuned.
        out: gets checkpoints, the losses and at the end the model.
    """

    def __init__(self, folder: Path, out: Path, tuning: Tuning, heads: Heads, ranks: Ranks) -> None:
        register()
        self.folder, self.out, self.tuning, self.ranks = folder, out, tuning, ranks
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=torch.float32,
            attn_implementation=NAME,
            use_safetensors=True,
            trust_remote_code=False,
        )
        decoder_of(model).config.window_size = tuning.window
        self.loss = _Loss(model.to(ranks.device), tuning, heads)
        self.engine = deepspeed_engine(self.loss, ranks, tuning.learning_rate, tuning.zero)
        self.step = 0
        self._resume()

    def train(self, sample: Sequence[int]) -> Step:
        """One step with a sample of `tokens` + 1 token ids; every rank is given the same."""
        counts = [len(part) for part in cuts(self.tuning.tokens, self.ranks.world)]
        shared = Shared(self.ranks, counts)
        for group in self.engine.optimizer.param_groups:
            group["lr"] = self._learning_rate()
        ids_Q = torch.tensor(sample[: self.tuning.tokens], device=self.ranks.device)[
            shared.start : shared.stop
        ]
        next_Q = torch.tensor(sample[1:], device=self.ranks.device)[shared.start : shared.stop]
        share = self.ranks.world * len(ids_Q) / self.tuning.tokens
        loss, nats, entropies = self.engine(ids_Q, next_Q, shared, share)
        self.engine.backward(loss)
        self.engine.step()
        parts = torch.stack([loss.detach(), nats.detach() * share, *(one.detach() for one in entropies)])
        means = (self.ranks.sum(parts) / self.ranks.world).tolist()
        self.step += 1
        done = Step(self.step, *means)
        self._keep(done)
        return done

    def finish(self) -> Path:
        """Write the model and its tokenizer to `out`, and remove the checkpoints; returns `out`."""
        state = whole_weights(self.loss.model, self.tuning.zero)
        if self.ranks.rank == 0:
            model = self.loss.model
            decoder_of(model).config.__dict__.pop("window_size", None)
            model.set_attn_implementation("sdpa")
            model.save_pretrained(self.out, state_dict=state)
            AutoTokenizer.from_pretrained(self.folder, trust_remote_code=False).save_pretrained(self.out)
            made = {"tuned_from": self.folder.name, **asdict(self.tuning)}
            # last: a model is only complete with this file, which says how it was made
            write_atomic(self.out / "tuned.json", json.dumps(made, indent=1).encode())
            shutil.rmtree(self._checkpoints, ignore_errors=True)
        self.ranks.barrier()
        return self.out

    @property
    def _checkpoints(self) -> Path:
        return self.out / "checkpoints"

    def _learning_rate(self) -> float:
        """A linear rise, then half a cosine down to a tenth."""
        rate, warmup = self.tuning.learning_rate, self.tuning.warmup
        if self.step < warmup:
            return rate * (self.step + 1) / warmup
        gone = (self.step - warmup) / max(1, self.tuning.steps - warmup)
        return rate * (0.1 + 0.45 * (1 + math.cos(math.pi * min(gone, 1.0))))

    def _keep(self, done: Step) -> None:
        if self.ranks.rank == 0:
            with (self.out / _LOSSES).open("a") as file:
                file.write(json.dumps(asdict(done)) + "\n")
        if self.step % self.tuning.checkpoint_every == 0 and self.step < self.tuning.steps:
            self.engine.save_checkpoint(str(self._checkpoints), tag=str(self.step))
            if self.ranks.rank == 0:
                for old in _numbered(self._checkpoints)[:-_KEPT]:
                    shutil.rmtree(self._checkpoints / str(old))

    def _resume(self) -> None:
        """Go on from the last checkpoint, and forget the losses of what came after it."""
        if (self._checkpoints / "latest").exists():
            self.engine.load_checkpoint(str(self._checkpoints))
            self.step = int((self._checkpoints / "latest").read_text())
        if self.ranks.rank == 0:
            self.out.mkdir(parents=True, exist_ok=True)
            path = self.out / _LOSSES
            lines = path.read_text().splitlines(keepends=True) if path.exists() else []
            write_atomic(path, "".join(lines[: self.step]).encode())
        self.ranks.barrier()


def losses(out: Path) -> list[Step]:
    """Every step of the run that tunes into `out`."""
    path = out / _LOSSES
    return [Step(**json.loads(line)) for line in path.read_text().splitlines()] if path.exists() else []


def _numbered(folder: Path) -> list[int]:
    return sorted(int(path.name) for path in folder.iterdir() if path.name.isdigit())


class _Loss(torch.nn.Module):
    """The model with its loss on top: DeepSpeed wants one forward pass."""

    def __init__(self, model: Any, tuning: Tuning, heads: Heads) -> None:
        super().__init__()
        self.model, self.tuning, self.heads = model, tuning, heads
        attention.register()
        model.set_attn_implementation(attention.NAME)  # it tells its queries
        # tensors of inference mode have no gradient
        self.rotation = [
            replace(one, cos_KR=one.cos_KR.clone(), sin_KR=one.sin_KR.clone())
            for one in learned(model, tuning.tokens)
        ]
        model.set_attn_implementation(NAME)

    def forward(
        self, ids_Q: torch.Tensor, next_Q: torch.Tensor, shared: Shared, share: float
    ) -> tuple[torch.Tensor, torch.Tensor, tuple[torch.Tensor, torch.Tensor]]:
        """The loss, the mean negative log-likelihood of this rank's tokens, and both entropies.

        Args:
            share: this rank's tokens over the mean of all ranks: gradients are averaged over ranks.
        """
        watched = Entropies(self.heads, self.rotation, self.tuning.window, shared.start)
        places_1Q = torch.arange(shared.start, shared.stop, device=ids_Q.device)[None]
        hidden_QE = decoder_of(self.model)(
            input_ids=ids_Q[None],
            position_ids=places_1Q,
            use_cache=False,
            watch=watched,
            shared=shared if shared.ranks.world > 1 else None,
        ).last_hidden_state[0]
        nats = self._nats(hidden_QE, next_Q)
        entropies = watched.retrieval, watched.local
        loss = nats * share
        loss = loss + self.tuning.retrieval_entropy * entropies[0]
        loss = loss + self.tuning.local_entropy * (1 - entropies[1])
        return loss, nats, entropies

    def _nats(self, hidden_QE: torch.Tensor, next_Q: torch.Tensor) -> torch.Tensor:
        """Mean over tokens; logits are computed again for the gradient, as they are large."""
        total = hidden_QE.new_zeros(())
        for start in range(0, len(hidden_QE), _SLICE):
            part = slice(start, start + _SLICE)
            total = total + checkpoint(self._sum, hidden_QE[part], next_Q[part], use_reentrant=False)
        return total / len(hidden_QE)

    def _sum(self, hidden_QE: torch.Tensor, next_Q: torch.Tensor) -> torch.Tensor:
        logits_QV = self.model.get_output_embeddings()(hidden_QE).float()
        return cross_entropy(logits_QV, next_Q, reduction="sum")
