"""Names by the million are found by a hash of 16 bytes each.

Run: pytest tests/tasks/ingest/test_names.py
"""

import hashlib

from tasks.ingest.names import Names


def test_a_name_is_found_at_its_first_place() -> None:
    names = Names(["b", "a", "b", "c", "a"])
    assert [names.find(name) for name in "abcd"] == [1, 0, 3, -1]
    assert ("a" in names, "d" in names, len(names)) == (True, False, 5)
    assert names.firsts().tolist() == [0, 1, 3]
    assert (len(Names([])), Names([]).find("a"), Names([]).firsts().tolist()) == (0, -1, [])


def test_a_hash_may_end_in_zeros() -> None:
    names = [f"{number}" for number in range(600)]
    ends = [hashlib.blake2b(name.encode(), digest_size=16).digest()[-1] for name in names]
    assert 0 in ends
    held = Names(names)
    assert [held.find(name) for name in names] == list(range(600))
