"""The walk moves scores to passages beside good candidates, and nowhere else."""

import numpy as np

from tasks.recall.candidates import Nominee, Scored
from tasks.recall.walk import walk


def passage(document: str, position: int, score: float) -> Scored:
    return Scored(Nominee(f"{document}-{position}", "passage", document, 0, 1, position), score)


def ranked(*some: Scored) -> list[tuple[str, int]]:
    return [(one.document, one.position) for one in walk(some)]


def test_two_candidates_side_by_side_speak_for_each_other() -> None:
    found = ranked(passage("a", 5, 1.0), passage("b", 5, 0.95), passage("b", 6, 0.9))
    assert found[:3] == [("b", 5), ("b", 6), ("a", 5)]


def test_what_stands_between_candidates_is_found_and_nothing_before_the_first() -> None:
    found = walk([passage("a", 0, 1.0), passage("a", 2, 1.0)])
    assert {(one.document, one.position) for one in found} == {("a", at) for at in range(5)}
    middle = next(one for one in found if one.position == 1)
    assert middle.nominee is None
    assert middle.score == max(one.score for one in found if one.nominee is None)


def test_a_summary_stands_alone_and_keeps_its_rank() -> None:
    summary = Scored(Nominee("s", "document", "a", 0, 9), 1.0)
    found = walk([summary, passage("a", 3, 0.9)])
    assert found[0].nominee is summary.nominee
    assert sum(one.nominee is None for one in found) == 4  # beside the passage alone


def test_an_equal_start_gives_equal_scores_and_all_are_shares_of_one() -> None:
    found = walk([passage("a", 10, 0.0), passage("b", 10, 0.0)])
    assert np.isclose(found[0].score, found[1].score)
    assert sum(one.score for one in found) <= 1.0 + 1e-9
    assert walk([]) == []
