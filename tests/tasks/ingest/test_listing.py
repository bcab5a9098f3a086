"""Sources that were found come back as they were, one by one, some of them, or all.

Run: pytest tests/tasks/ingest/test_listing.py
"""

from array import array

from tasks.ingest.listing import listed
from tasks.ingest.storage import Found

FOUND = [Found(f"file:///notes/{number}.txt", f"{number}-1", number) for number in range(3000)]


def test_what_was_listed_comes_back_in_its_order() -> None:
    made = listed(iter(FOUND))
    assert (len(made), list(made)) == (3000, FOUND)
    assert (made[0], made[-1], made[2000]) == (FOUND[0], FOUND[-1], FOUND[2000])
    assert list(made[1000:1003]) == FOUND[1000:1003]


def test_some_are_taken_by_their_numbers() -> None:
    assert list(listed(FOUND).take(array("q", [2999, 0]))) == [FOUND[2999], FOUND[0]]
    assert list(listed(FOUND).take(array("q"))) == []


def test_nothing_is_a_listing_too() -> None:
    assert list(listed([])) == []
