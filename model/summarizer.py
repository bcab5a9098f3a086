"""Short texts from a decoder, many at once, and how much likelier a text is behind its source.

Decoding is greedy, in batches of few shapes: rows are padded to one width, a multiple of 64, and their
number to a power of two. A row's arithmetic then depends on its place and on that shape at most, never on its
neighbours' words: the same batch re-done writes the same words to the bit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from transformers import StaticCache

from model.reader import Reader

_WIDTH = 64
"""Prompts are padded to a multiple of this, so that short ones cost little."""
_CLAIM = "Say in one sentence what the text below states."
_MARK = "\u241e"


@dataclass(frozen=True)
class Request:
    """One text to be written."""

    instruction: str
    source: str


@dataclass(frozen=True)
class _Batch:
    """Prompts, padded on the left: ids and mask (B, N), positions of every token."""

    ids: torch.Tensor
    mask: torch.Tensor

    @property
    def positions(self) -> torch.Tensor:
        return (self.mask.cumsum(1) - 1).clamp(min=0)


class Writer:
    """Writes with the reader's own weights and dense attention (prompts are short beside what is read).

    Args:
        rows: texts decoded together.
        prompt_tokens: longest prompt; longer sources are cut at the end.
        new_tokens: longest text.
    """

    def __init__(self, reader: Reader, rows: int, prompt_tokens: int, new_tokens: int) -> None:
        self.reader, self.rows = reader, rows
        self.prompt_tokens, self.new_tokens = prompt_tokens, new_tokens

    @cached_property
    def stop(self) -> torch.Tensor:
        """Tokens that end a text."""
        configured = (self.reader.tokenizer.eos_token_id, self.reader.model.config.eos_token_id)
        named = {token for ids in configured for token in (ids if isinstance(ids, list) else [ids])} - {None}
        return torch.tensor(sorted(self.reader.stops | named), device=self.reader.device)

    def prompt(self, request: Request) -> list[int]:
        """Tokens of a prompt. Text is data: what looks like a control token is spelt out, not obeyed."""
        before, after = self._frame(request.instruction)
        room = self.prompt_tokens - len(before) - len(after)
        if room < 1:
            raise ValueError(
                f"infer.prompt_tokens={self.prompt_tokens} has no room beside an instruction of "
                f"{len(before) + len(after)} tokens: give more"
            )
        return before + self._ids(request.source)[:room] + after

    def _frame(self, instruction: str) -> tuple[list[int], list[int]]:
        """Prompt tokens around the source, from the model's chat template where it has one."""
        tokenizer, body = self.reader.tokenizer, f"{instruction}\n\n{_MARK}"
        text = f"{body}\n\nSummary:"
        if tokenizer.chat_template:
            turns = [{"role": "user", "content": body}]
            text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        before, after = (tokenizer(part, add_special_tokens=False)["input_ids"] for part in text.split(_MARK))
        return before, after

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self.reader.tokenizer(text, add_special_tokens=False, split_special_tokens=True)[
            "input_ids"
        ]
        return ids

    @torch.inference_mode()
    def write(self, requests: Sequence[Request]) -> list[str]:
        """Texts for at most `rows` requests, one each, in order."""
        assert len(requests) <= self.rows
        batch = self._batch([self.prompt(request) for request in requests], self.prompt_tokens)
        with self.reader.dense():
            ids_BN = self._decode(batch)
        return [self._text(ids) for ids, _ in zip(ids_BN.tolist(), requests, strict=False)]

    def _text(self, ids: list[int]) -> str:
        stops = self.stop.tolist()
        length = next((at for at, token in enumerate(ids) if token in stops), len(ids))
        text: str = self.reader.tokenizer.decode(ids[:length])
        return text

    def _batch(self, prompts: list[list[int]], most: int) -> _Batch:
        """Left-padded rows: their number a power of two, their width a multiple of 64 (`most` at most)."""
        device, rows = self.reader.device, 1 << (len(prompts) - 1).bit_length()
        prompts = prompts + [prompts[0][:1]] * (rows - len(prompts))
        width = min(-(-max(map(len, prompts)) // _WIDTH) * _WIDTH, most)
        ids_BN = torch.zeros(rows, width, dtype=torch.long, device=device)
        mask_BN = torch.zeros_like(ids_BN)
        for row, prompt in enumerate(prompts):
            ids_BN[row, width - len(prompt) :] = torch.tensor(prompt, device=device)
            mask_BN[row, width - len(prompt) :] = 1
        return _Batch(ids_BN, mask_BN)

    def _decode(self, batch: _Batch) -> torch.Tensor:
        """Greedy decoding; ids, (B, new_tokens at most)."""
        rows, width = batch.ids.shape
        ones_BN = torch.ones(rows, self.new_tokens, dtype=torch.long, device=batch.ids.device)
        whole = _Batch(batch.ids, torch.cat([batch.mask, ones_BN], 1))
        positions = whole.positions
        # written in place: a cache that grows by copying costs a quarter of the decoding
        cache = StaticCache(config=self.reader.model.config, max_cache_len=width + self.new_tokens)
        done = torch.zeros(rows, dtype=torch.bool, device=batch.ids.device)
        ids, step_ids, start = [], batch.ids, 0
        for stop in range(width, width + self.new_tokens):
            output = self.reader.model(
                input_ids=step_ids,
                attention_mask=whole.mask[:, :stop],
                position_ids=positions[:, start:stop],
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1,
            )
            token_B = output.logits[:, -1].float().argmax(-1)
            ids.append(token_B)
            done |= torch.isin(token_B, self.stop)
            if bool(done.all()):
                break
            step_ids, start = token_B[:, None], stop
        return torch.stack(ids, 1)

    @torch.inference_mode()
    def gains(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        """How much likelier each claim is behind its source than behind none.

        Args:
            pairs: (source, claim).

        Returns:
            Means over a claim's tokens of log p(token | source) - log p(token | no source), in nats.
        """
        found: list[float] = []
        with self.reader.dense():
            for start in range(0, len(pairs), self.rows):
                some = pairs[start : start + self.rows]
                behind = self._log_likelihoods([(source, claim) for source, claim in some])
                alone = self._log_likelihoods([("", claim) for _, claim in some])
                found += [a - b for a, b in zip(behind, alone, strict=True)]
        return found

    def _log_likelihoods(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        """Mean log-likelihood of each claim's tokens behind its source, in nats."""
        claims = [self._ids(claim) or [0] for _, claim in pairs]
        prompts = [
            self.prompt(Request(_CLAIM, source)) + claim
            for (source, _), claim in zip(pairs, claims, strict=True)
        ]
        longest = max(map(len, claims))
        batch = self._batch(prompts, self.prompt_tokens + longest)
        output = self.reader.model(
            input_ids=batch.ids,
            attention_mask=batch.mask,
            position_ids=batch.positions,
            use_cache=False,
            logits_to_keep=longest + 1,
        )
        logp_BNV = output.logits[:, :-1].float().log_softmax(-1)
        logp_BN = logp_BNV.gather(2, batch.ids[:, -longest:, None])[..., 0].tolist()
        return [sum(row[-len(claim) :]) / len(claim) for row, claim in zip(logp_BN, claims, strict=False)]
