"""The reader as a re-ranker: it reads each candidate, then the question behind it, and is watched.

The idea: two things tell which passage a question is about. Some attention heads look back from the question
to what answers it (Chen et al. 2024, "Attention in large language models yields efficient zero-shot
re-rankers"; retrieval heads: Wu et al. 2024), and the question is likelier behind such a passage (query
likelihood: Ponte & Croft 1998; with a pretrained decoder: Sachan et al. 2022). A passage is read once,
whatever is asked of it: its keys and values are kept, and a question runs behind all candidates as one batch.

Shape suffixes: C candidates, B rows of a batch, L layers, x keys and values, G key/value heads, K keys,
Q tokens of the question, N heads, D head size, V vocabulary.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import DynamicCache

from model.attention import dense
from model.attention.dense import Mass
from model.reader import Reader
from model.rerank.passages import Encoder, Passage, Tokens, alike

Head = tuple[int, int]
"""(layer, query head)."""

_FILL = 2048
"""Tokens of a batch that is read; rows beyond them only leave a CPU's caches."""
_ROWS = 32
"""Candidates behind which a question is read together."""
KEEP_BYTES = 512 << 20


@dataclass(frozen=True)
class Watched:
    """What a question behind each candidate showed, on the CPU."""

    mass_CN: torch.Tensor
    """Share of its tokens' attention that each head pays to the candidate's own tokens."""
    logp_CQ: torch.Tensor | None
    """Log-likelihood of each of its tokens, in nats; None if it was not asked for."""


class Rereader:
    """Reads candidates and questions with a reader's weights and dense attention; keeps what it read.

    Args:
        heads: whose attention is watched; layers above them are run for the likelihood only.
        likelihood: whether the likelihood of questions is wanted too, which takes all layers.
        keep_bytes: of keys and values (bf16) of passages that were read, the latest of which are kept.
    """

    def __init__(
        self, reader: Reader, heads: Sequence[Head], likelihood: bool = True, keep_bytes: int = KEEP_BYTES
    ) -> None:
        dense.register()
        self.reader, self.heads, self.likelihood = reader, list(heads), likelihood
        self.encoder = Encoder(reader.tokenizer)
        layers = reader.layers
        self.depth = layers if likelihood else 1 + max(layer for layer, _ in heads)
        self._kept: OrderedDict[Tokens, torch.Tensor] = OrderedDict()
        self._room = keep_bytes

    @torch.inference_mode()
    def watch(self, question: str, passages: Sequence[Passage]) -> Watched:
        """Attention and likelihood of a question behind each passage, in their order.

        Raises:
            ValueError: if the question is empty.
        """
        asked = self.encoder.question(question)
        tokens = [self.encoder.passage(passage) for passage in passages]
        mass_CN = torch.zeros(len(tokens), len(self.heads))
        logp_CQ = torch.zeros(len(tokens), len(asked) - 1) if self.likelihood else None
        with self.reader.dense(dense.NAME), self.reader.depth(self.depth):
            read = self._read(tokens)
            order = sorted(range(len(tokens)), key=lambda place: len(tokens[place].ids))
            for first in range(0, len(order), _ROWS):
                some = order[first : first + _ROWS]
                rows = [tokens[place] for place in some]
                mass_CN[some], logp = self._ask(asked, rows, [read[one] for one in rows])
                if logp_CQ is not None and logp is not None:
                    logp_CQ[some] = logp
        return Watched(mass_CN, logp_CQ)

    def _read(self, passages: Sequence[Tokens]) -> dict[Tokens, torch.Tensor]:
        """Keys and values (L, x, G, K, D) of passages, those of earlier calls from memory."""
        fresh = [one for one in dict.fromkeys(passages) if one not in self._kept]
        read = {one: self._kept[one] for one in passages if one in self._kept}
        for places in alike([len(one.ids) for one in fresh], _FILL):
            rows = [fresh[place] for place in places]
            read.update(zip(rows, self._read_rows(rows), strict=True))
        for one in dict.fromkeys(passages):
            self._kept[one] = read[one]
            self._kept.move_to_end(one)
        while self.held > self._room:
            self._kept.popitem(last=False)
        return read

    @property
    def held(self) -> int:
        """Bytes of the keys and values that are kept."""
        return sum(kv.nbytes for kv in self._kept.values())

    def _read_rows(self, rows: Sequence[Tokens]) -> list[torch.Tensor]:
        """Rows are padded behind their end, where causal attention never looks."""
        longest = max(len(row.ids) for row in rows)
        ids_BK = torch.tensor([[*row.ids, *[0] * (longest - len(row.ids))] for row in rows])
        cache = DynamicCache()
        self.reader.decoder(input_ids=ids_BK.to(self.reader.device), past_key_values=cache, use_cache=True)
        layers = [torch.stack([layer.keys, layer.values], 1) for layer in cache.layers]
        kv_BLxGKD = torch.stack(layers, 1).to(torch.bfloat16)
        return [kv[:, :, :, : len(row.ids)].clone() for row, kv in zip(rows, kv_BLxGKD, strict=True)]

    def _ask(
        self, asked: Sequence[int], rows: Sequence[Tokens], read: Sequence[torch.Tensor]
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Mass (B, N) and log-likelihood (B, Q) of one question behind passages that were read."""
        behind = _Behind(self.reader, read)
        place_K = torch.arange(behind.longest, device=self.reader.device)
        own_BK = torch.stack([(place_K >= row.start) & (place_K < row.stop) for row in rows])
        mass = Mass(self.heads, own_BK, len(asked) - 1)
        ids_BQ = torch.tensor([asked] * len(rows), device=self.reader.device)
        hidden_BQE = behind.run(ids_BQ, mass)
        if not self.likelihood:
            return mass.mass_BN.cpu(), None
        logits_BQV = self.reader.model.get_output_embeddings()(hidden_BQE[:, :-1]).float()
        asked_BQ = logits_BQV.gather(2, ids_BQ[:, 1:, None])[..., 0]
        return mass.mass_BN.cpu(), (asked_BQ - logits_BQV.logsumexp(-1)).cpu()

    @torch.inference_mode()
    def write(self, begun: str, passages: Sequence[Passage], new_tokens: int) -> list[str]:
        """Questions that the model writes behind each passage, greedily, all beginning with `begun`."""
        assert self.likelihood, "writing takes all layers"
        rows = [self.encoder.passage(passage) for passage in passages]
        written, next_BQ = list[torch.Tensor](), torch.tensor([self.encoder.question(begun)] * len(rows))
        with self.reader.dense(dense.NAME):
            read = self._read(rows)
            behind = _Behind(self.reader, [read[row] for row in rows])
            while len(written) < new_tokens:
                hidden_BQE = behind.run(next_BQ.to(self.reader.device))
                next_BQ = self.reader.model.get_output_embeddings()(hidden_BQE[:, -1:]).argmax(-1)
                written.append(next_BQ)
        ids_BN = torch.cat(written, 1).tolist()
        return [begun + text for text in self.encoder.tokenizer.batch_decode(ids_BN)]


class _Behind:
    """Texts of one length behind passages that were read, as rows of one batch."""

    def __init__(self, reader: Reader, read: Sequence[torch.Tensor]) -> None:
        self.reader, self.written = reader, 0
        layers, kinds, groups, _, dims = read[0].shape
        self.length_B = torch.tensor([kv.shape[3] for kv in read], device=reader.device)
        self.longest = int(self.length_B.max())
        shape = layers, kinds, len(read), groups, self.longest, dims
        kv_LxBGKD = read[0].new_zeros(shape, dtype=reader.dtype)
        for row, kv in enumerate(read):
            kv_LxBGKD[:, :, row, :, : kv.shape[3]] = kv
        self.cache = DynamicCache()
        for layer, (keys, values) in enumerate(kv_LxBGKD):
            self.cache.update(keys, values, layer)

    def run(self, ids_BQ: torch.Tensor, on_attention: Mass | None = None) -> torch.Tensor:
        """Last hidden states (B, Q, E) of tokens behind each row's passage and what was run before."""
        rows, count = ids_BQ.shape
        device = ids_BQ.device
        past_BK = torch.arange(self.longest, device=device) < self.length_B[:, None]
        behind_QK = torch.ones(count, self.written + count, dtype=torch.bool, device=device).tril(
            self.written
        )
        mask_BQK = torch.cat([past_BK[:, None].expand(-1, count, -1), behind_QK.expand(rows, -1, -1)], 2)
        place_Q = self.written + torch.arange(count, device=device)
        self.written += count
        hidden_BQE: torch.Tensor = self.reader.decoder(
            input_ids=ids_BQ,
            position_ids=self.length_B[:, None] + place_Q,
            attention_mask=mask_BQK[:, None],
            past_key_values=self.cache,
            use_cache=True,
            on_attention=on_attention,
        ).last_hidden_state
        return hidden_BQE
