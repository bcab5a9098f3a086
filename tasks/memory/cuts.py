"""Nearly equal documents are cut alike: what they share is the same passages, cited from each of them.

The idea: a copy is cut as the first of its kind is, whether memory holds that one or the run has just read
it. Nothing of that is kept but which one it was: its passages are cut again when the next copy comes.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache

from tasks.memory.cut import RECUT_CHARS, Passage, passages, recut
from tasks.memory.known import Known
from tasks.text.outline import Outline
from tasks.text.passages import Placed


class Cuts:
    """Passages of the documents of a run, and how each was cut.

    Args:
        outlines: of the documents.
        pieces: the text of one of them, from its beginning.
        size: most characters of a passage.
    """

    def __init__(
        self,
        known: Known,
        outlines: Mapping[str, Outline],
        pieces: Callable[[str], Iterable[Placed]],
        size: int,
    ) -> None:
        self.known, self.outlines, self.pieces, self.size = known, outlines, pieces, size
        self._first: dict[str, str] = {}
        """The document that a copy was cut as."""
        self._held = lru_cache(maxsize=4)(self._texts)

    def passages(self, document: str, alike: str) -> Iterator[Passage]:
        """The passages of a document, cut as those of another one where that is nearly the same.

        Args:
            alike: the other one, of the memory or of the run so far; "" where there is none.
        """
        about = self.outlines[document]
        first = self._first.get(alike, alike)
        held = self._held(first) if first and about.kind != "dialogue" else []
        if not held:
            return passages(self.pieces(document), about, self.size)
        self._first[document] = first
        return recut(self.pieces(document), about, self.size, held)

    def _texts(self, document: str) -> list[str]:
        about = self.outlines.get(document)
        if about is None:
            return self.known.texts(document)
        if about.kind == "dialogue" or sum(len(text) for _, text in self.pieces(document)) > RECUT_CHARS:
            return []
        return [one.text for one in passages(self.pieces(document), about, self.size)]
