"""The documents that a budget leaves unread, by the million: numbers in columns, and the words when they are
asked for."""

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from itertools import chain

from tasks.ingest.sharded import Sharded, sharded
from tasks.plan.left import Left


class LeftOut(Mapping[str, Left]):
    """Some documents, each with the amount that is over a limit.

    Args:
        documents: among which they are.
        told: of the number of a limit and an amount, what `Left.over` is.
    """

    def __init__(self, documents: Sharded, told: Callable[[int, float], str]) -> None:
        self._documents, self._told = documents, told
        self._numbers, self._limits = array("q"), array("b")
        self._amounts, self._shares = array("d"), array("d")
        self._more: Mapping[str, Left] = {}

    def add(self, number: int, limit: int, amount: float, share: float = 0.0) -> None:
        """One more of the documents, behind those that were added before."""
        self._numbers.append(number)
        self._limits.append(limit)
        self._amounts.append(amount)
        self._shares.append(share)

    def drop(self, number: int) -> None:
        """This one is not left."""
        at = bisect_left(self._numbers, number)
        for column in (self._numbers, self._limits, self._amounts, self._shares):
            del column[at]

    def also(self, more: Mapping[str, Left]) -> "LeftOut":
        """These, and some others."""
        both = copy(self)
        both._more = {**self._more, **more}
        return both

    def __len__(self) -> int:
        return len(self._numbers) + len(self._more)

    def __iter__(self) -> Iterator[str]:
        return chain((one.document for one in self._documents.take(self._numbers)), self._more)

    def __getitem__(self, document: str) -> Left:
        if document in self._more:
            return self._more[document]
        number = self._documents.place(document)
        at = bisect_left(self._numbers, number)
        if number < 0 or at == len(self._numbers) or self._numbers[at] != number:
            raise KeyError(document)
        return Left(self._told(self._limits[at], self._amounts[at]), self._shares[at])


def nothing_left() -> LeftOut:
    """Of a run that reads all."""
    return LeftOut(sharded([]), lambda _limit, _amount: "")
