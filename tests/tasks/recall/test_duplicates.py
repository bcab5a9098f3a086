"""Texts that say the same are one hit; those that differ in a number or a "not" never are."""

from tasks.recall.duplicates import groups, words

RENT = "The tenant of the old mill by the river shall pay rent on the first day of the month to the landlord"


def grouped(*texts: str) -> list[list[int]]:
    return groups(texts, [{number} for number in range(len(texts))])


def test_equal_and_nearly_equal_texts_are_grouped_with_the_best_first() -> None:
    other = "Kittens were running after a ball in the yard while the dogs slept under an oak all day"
    assert grouped(RENT, other, RENT.upper(), f"{RENT} in cash") == [[0, 2, 3], [1]]


def test_a_number_or_a_negation_makes_another_fact() -> None:
    assert grouped(f"{RENT}: 900", f"{RENT}: 950", RENT.replace("shall", "shall not")) == [[0], [1], [2]]


def test_short_texts_are_not_merged() -> None:
    assert grouped("Yes, please.", "Yes, please.") == [[0], [1]]


def test_texts_without_spaces_are_compared_by_characters() -> None:
    line = "星槎号货轮于春天离开青岛港船长在航海日志里写下了风向和水温"
    assert grouped(line, line + "了", "大副负责保管船上的望远镜并且从不让别人碰它因为它很贵重") == [
        [0, 1],
        [2],
    ]


def test_records_that_share_a_key_are_one_hit_whatever_they_say() -> None:
    assert groups(["a", "b", "c"], [{(0, 9)}, {(0, 9), "b"}, {(9, 12), "b"}]) == [[0, 1], [2]]


def test_marks_of_lists_and_line_ends_are_no_words() -> None:
    assert words("- The tenant\n  pays *rent*.") == words("The tenant pays rent")


def test_the_same_numbers_in_another_order_are_another_fact() -> None:
    paid = "rent of {} euros each month for the rooms above the shop and a deposit of {} euros for the keys"
    assert grouped(f"{RENT} a {paid.format(100, 200)}", f"{RENT} a {paid.format(200, 100)}") == [[0], [1]]
