"""Words of a model's tokens: its tokenizer, and its chat template where it has one.

The idea: what a template puts around a message is found by rendering one and looking, so every model's own
template is used without knowing its tokens.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import takewhile
from typing import Any

from transformers import AutoTokenizer

_SAID, _REPLY, _MORE = "1f3a said", "1f3a replied", "1f3a asked"


@dataclass(frozen=True)
class Turn:
    """What stands around a user's message."""

    opening: str
    """Before it, from the marker of its role on."""
    closing: str
    """Behind it, up to where the reply begins."""
    end: str
    """What closes the message; a reply ends with the same."""


class Wording:
    """A tokenizer, with what is asked of it here."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer

    def encode(self, text: str) -> list[int]:
        """Tokens of a text, markers of a template among them, and nothing added."""
        ids: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """Text of some tokens, markers among them."""
        text: str = self.tokenizer.decode(
            list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False
        )
        return text

    def marks_in(self, text: str) -> list[str]:
        """Special tokens that a text holds: `encode` makes of them what only a template may put there."""
        return [mark for mark in self._special if mark in text]

    def token_at(self, ids: Sequence[int], char: int) -> int:
        """The token of `ids` with which this character of their text begins, or the one that holds it."""
        low, high = 0, len(ids)
        while low < high:
            middle = (low + high + 1) // 2
            if len(self.decode(ids[:middle])) <= char:
                low = middle
            else:
                high = middle - 1
        return low

    @cached_property
    def turn(self) -> Turn | None:
        """What the chat template puts around a message; None where there is none."""
        if not getattr(self.tokenizer, "chat_template", None):
            return None
        one = self.chat(_SAID)
        several = self.tokenizer.apply_chat_template(
            [_message(_SAID), {"role": "assistant", "content": _REPLY}, _message(_MORE)],
            tokenize=False,
            add_generation_prompt=True,
        )
        before, _, closing = one.partition(_SAID)
        between = several.partition(_REPLY)[2].partition(_MORE)[0]
        alike = takewhile(lambda pair: pair[0] == pair[1], zip(before[::-1], between[::-1], strict=False))
        shared = "".join(one for one, _ in alike)[::-1]
        end = next((mark for mark in self._marks if closing.strip().startswith(mark)), "")
        if end and end in shared:
            shared = shared.rpartition(end)[2].lstrip()
        return Turn(shared, closing, end) if shared.strip() and closing.strip() else None

    def chat(self, text: str) -> str:
        """A conversation that begins with this message, up to where the reply begins."""
        rendered: str = self.tokenizer.apply_chat_template(
            [_message(text)], tokenize=False, add_generation_prompt=True
        )
        return rendered

    @cached_property
    def _marks(self) -> list[str]:
        return sorted(self.tokenizer.get_added_vocab(), key=len, reverse=True)

    @cached_property
    def _special(self) -> list[str]:
        """Those with a part to play, as of the end of a text, and others that the tokenizer keeps whole."""
        added = self.tokenizer.added_tokens_decoder.values()
        kept = [token.content for token in added if token.special]
        return list(dict.fromkeys([*self.tokenizer.all_special_tokens, *kept]))


def _message(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


@lru_cache(4)
def wording_of(name: str) -> Wording | None:
    """The words of the model of this name, or in this folder; None where no tokenizer is found."""
    try:
        return Wording(AutoTokenizer.from_pretrained(name, trust_remote_code=False))
    except (OSError, ValueError, KeyError):
        return None
