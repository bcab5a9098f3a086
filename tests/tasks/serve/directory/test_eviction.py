"""What is cold: least recently used, and least like what is asked for."""

from tasks.serve.directory.base import Claim, Holding, Key
from tasks.serve.directory.eviction import coldest


def held(key: str, idle_s: float, topic: tuple[float, ...] = (), busy: bool = False) -> Holding:
    return Holding(Claim("", key, 1), "host", 1000, 100, idle_s, topic, busy)


def keys(going: list[Key]) -> list[str]:
    return [key for _, key in going]


AGES = [held("c", 30), held("a", 10), held("d", 40), held("b", 20)]


def test_the_least_recently_used_go_first_and_no_more_than_needed() -> None:
    assert keys(coldest(AGES, 1, ())) == ["d"]
    assert keys(coldest(AGES, 100, ())) == ["d"]
    assert keys(coldest(AGES, 101, ())) == ["d", "c"]
    assert keys(coldest(AGES, 1 << 40, ())) == ["d", "c", "b", "a"]
    assert coldest(AGES, 0, ()) == []
    assert coldest([], 100, ()) == []


def test_of_two_about_as_old_the_one_less_like_the_focus_goes() -> None:
    alike = [held("far", 19, (0.0, 1.0)), held("near", 20, (1.0, 0.1)), held("new", 1, (0.0, 1.0))]
    assert keys(coldest(alike, 1, (1.0, 0.0))) == ["far"]
    assert keys(coldest(alike, 1, ())) == ["near"]


def test_likeness_outweighs_age_and_unlikeness_does_not_outweigh_both() -> None:
    told = [held("old and near", 100, (2.0, 0.0)), held("opposite", 50, (-1.0, 0.0)), held("new", 1)]
    # ranks 1, 0.5 and 0; cosines 1, -1 and none: scores 0, 1.5 and 0
    assert keys(coldest(told, 101, (1.0, 0.0)))[0] == "opposite"


def test_topics_that_cannot_be_compared_leave_the_age() -> None:
    told = [held("short", 10, (1.0,)), held("zero", 20, (0.0, 0.0)), held("none", 30)]
    assert keys(coldest(told, 1 << 40, (1.0, 0.0))) == ["none", "zero", "short"]


def test_what_is_at_work_stays() -> None:
    assert keys(coldest([held("busy", 100, busy=True), held("idle", 1)], 1 << 40, ())) == ["idle"]
