"""Short texts from a decoder, many at once, each with the likelihood that it earns from its source.

Decoding is greedy, in batches of few shapes: rows are padded to one width, a multiple of 64, and their
number to a power of two. A row's arithmetic then depends on its place and on that shape at most, never on its
neighbours' words: the same batch re-done writes the same words to the bit.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import StaticCache

from model.reader import Reader

INSTRUCTION = (
    "Summarize what the passages below state, in one or two plain sentences. "
    "Use only facts and words that stand in them."
)


_WIDTH = 64
"""Prompts are padded to a multiple of this, so that short ones cost little."""


@dataclass(frozen=True)
class Draft:
    """One generated text."""

    text: str
    starts: list[int]
    """First character of every token in `text`."""
    logp: list[float]
    """log p(token | source, tokens before), natural logarithm."""
    logp_alone: list[float]
    """log p(token | tokens before): the same text with its source withheld."""


class Writer:
    """Writes summaries with the reader's own weights and dense attention (prompts are short).

    Args:
        rows: texts decoded together.
        prompt_tokens: longest prompt; longer sources are cut at the end.
        new_tokens: longest text.
    """

    def __init__(self, reader: Reader, rows: int, prompt_tokens: int, new_tokens: int) -> None:
        self.reader, self.rows = reader, rows
        self.prompt_tokens, self.new_tokens = prompt_tokens, new_tokens
        self.before, self.after = self._frame()
        named = (reader.tokenizer.eos_token_id, reader.model.config.eos_token_id)
        self.stop = {token for ids in named for token in (ids if isinstance(ids, list) else [ids])} - {None}

    def _frame(self) -> tuple[list[int], list[int]]:
        """Prompt tokens around the source, from the model's chat template where it has one."""
        tokenizer, mark = self.reader.tokenizer, "\u241e"
        body = f"{INSTRUCTION}\n\n{mark}"
        text = f"{body}\n\nSummary:"
        if tokenizer.chat_template:
            turns = [{"role": "user", "content": body}]
            text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        before, after = text.split(mark)
        return tuple(tokenizer(part, add_special_tokens=False)["input_ids"] for part in (before, after))

    def source_ids(self, source: str) -> list[int]:
        """Tokens of a source. Text is data: what looks like a control token is spelt out, not obeyed."""
        room = self.prompt_tokens - len(self.before) - len(self.after)
        tokenizer = self.reader.tokenizer
        ids: list[int] = tokenizer(source, add_special_tokens=False, split_special_tokens=True)["input_ids"]
        return ids[:room]

    @torch.inference_mode()
    def write(self, sources: Sequence[str]) -> list[Draft]:
        """Summaries of at most `rows` sources, one each, in order."""
        assert len(sources) <= self.rows
        prompts = [self.before + self.source_ids(source) + self.after for source in sources]
        with self.reader.dense():
            ids_BN, logp_BN = self._decode(
                prompts + [[self.before[0]]] * (_power(len(prompts)) - len(prompts))
            )
            alone_BN = self._score_alone(ids_BN)
        rows = zip(ids_BN.tolist(), logp_BN.tolist(), alone_BN.tolist(), strict=True)
        return [self._draft(*row) for row, _ in zip(rows, sources, strict=False)]

    def _draft(self, ids: list[int], logp: list[float], alone: list[float]) -> Draft:
        length = next((index for index, token in enumerate(ids) if token in self.stop), len(ids))
        decode = self.reader.tokenizer.decode
        starts = [len(decode(ids[:index])) for index in range(length)]
        return Draft(decode(ids[:length]), starts, logp[:length], alone[:length])

    def _decode(self, prompts: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
        """Greedy decoding of left-padded prompts; ids and log-probabilities, (B, new_tokens)."""
        device, rows = self.reader.device, len(prompts)
        longest = max(map(len, prompts))
        width = min(-(-longest // _WIDTH) * _WIDTH, self.prompt_tokens)
        ids_BQ = torch.zeros(rows, width, dtype=torch.long, device=device)
        mask_BK = torch.zeros(rows, width + self.new_tokens, dtype=torch.long, device=device)
        for row, prompt in enumerate(prompts):
            ids_BQ[row, width - len(prompt) :] = torch.tensor(prompt, device=device)
            mask_BK[row, width - len(prompt) :] = 1
        positions = (mask_BK.cumsum(1) - 1).clamp(min=0)
        # written in place: a cache that grows by copying costs a quarter of the decoding
        cache = StaticCache(config=self.reader.model.config, max_cache_len=width + self.new_tokens)
        done = torch.zeros(rows, dtype=torch.bool, device=device)
        ids, logps, step_ids, start = [], [], ids_BQ, 0
        for step in range(self.new_tokens):
            stop = width + step
            logits_BV = self._logits(step_ids, mask_BK[:, :stop], positions[:, start:stop], cache)
            logp_B, token_B = logits_BV.log_softmax(-1).max(-1)
            ids.append(token_B)
            logps.append(logp_B)
            done |= torch.isin(token_B, torch.tensor(sorted(self.stop), device=device))
            if bool(done.all()):
                break
            step_ids, start = token_B[:, None], stop
        return torch.stack(ids, 1), torch.stack(logps, 1)

    def _logits(
        self, ids: torch.Tensor, mask: torch.Tensor, positions: torch.Tensor, cache: StaticCache
    ) -> torch.Tensor:
        """Next-token logits of every row, (B, V) fp32."""
        output = self.reader.model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        logits: torch.Tensor = output.logits[:, -1].float()
        return logits

    def _score_alone(self, ids_BN: torch.Tensor) -> torch.Tensor:
        """log p of the same tokens after nothing but the start token, (B, N)."""
        rows, decoded = ids_BN.shape
        padded_BN = torch.full((rows, self.new_tokens), self.before[0], device=ids_BN.device)
        padded_BN[:, 1:decoded] = ids_BN[:, :-1]
        output = self.reader.model(input_ids=padded_BN, use_cache=False)
        logp_BNV = output.logits[:, :decoded].float().log_softmax(-1)
        logp_BN: torch.Tensor = logp_BNV.gather(2, ids_BN[..., None])[..., 0]
        return logp_BN


def _power(count: int) -> int:
    """The least power of two that is not below `count`."""
    return 1 << (count - 1).bit_length()
