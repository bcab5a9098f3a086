"""ROUGE by hand: words, word pairs and the longest common subsequence, as F1 over stems."""

import pytest

from tasks.bench.rouge import rouge, tokens


def test_rouge_is_the_harmonic_mean_of_what_both_share() -> None:
    """the cat sat on the mat / the cat is on the mat: 5 of 6 words, 3 of 5 pairs, 5 in order."""
    found = rouge("the cat sat on the mat", "the cat is on the mat")
    assert (found.one, found.two, found.longest) == pytest.approx((5 / 6, 3 / 5, 5 / 6))


def test_lengths_that_differ_cost_precision_or_recall() -> None:
    """2 common words of 2 and 4: precision 1, recall 1/2."""
    found = rouge("red boats", "red boats and blue")
    assert found.one == pytest.approx(2 / 3)


def test_order_counts_for_the_longest_sequence_and_not_for_words() -> None:
    found = rouge("c b a", "a b c")
    assert (found.one, found.two, found.longest) == pytest.approx((1.0, 0.0, 1 / 3))


def test_words_are_stemmed_and_lower_cased_and_short_ones_left_alone() -> None:
    assert tokens("The RUNNERS were running, as ever.") == tokens("the runner were run as ever")


def test_a_text_without_words_shares_nothing() -> None:
    found = rouge("...", "the cat")
    assert (found.one, found.two, found.longest) == (0.0, 0.0, 0.0)
