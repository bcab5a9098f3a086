"""Quotes are whole sentences of a window, told apart from headings, and do not repeat each other."""

import numpy as np

from tasks.infer.quotes import window_quotes

TEXT = (
    "END OF TERMS AND CONDITIONS\n\n"
    "The following items are part of this delivery:\n\n"
    "The buyer pays within thirty days of delivery. "
    "The seller keeps the goods insured until they arrive. "
    "The buyer pays within thirty days of each delivery. "
    "THE SELLER GIVES NO WARRANTY THAT THE GOODS ARE FIT FOR ANY PURPOSE OF THE BUYER."
)


def quotes(salient: str, most: int, inner: tuple[bool, bool] = (False, False)) -> list[str]:
    """Quotes of TEXT, one token a character, where the sentence `salient` draws attention."""
    ratio = np.zeros(len(TEXT), np.float32)
    at = TEXT.index(salient)
    ratio[at : at + len(salient)] = 1.0
    found = window_quotes("d", TEXT, 100, np.arange(len(TEXT), dtype=np.int32), ratio, most, inner)
    for quote in found:
        assert quote.text == TEXT[quote.start - 100 : quote.end - 100]
    return [quote.text for quote in found]


def test_the_sentence_that_draws_attention_is_quoted() -> None:
    assert quotes("The seller keeps the goods insured until they arrive.", 1) == [
        "The seller keeps the goods insured until they arrive."
    ]


def test_headings_and_lead_ins_are_no_quotes_however_salient_and_nothing_is_said_twice() -> None:
    found = quotes("END OF TERMS AND CONDITIONS", 10)
    assert [text.split()[1] for text in found] == ["buyer", "seller", "SELLER"]


def test_a_sentence_that_may_be_cut_by_the_window_is_left_to_its_neighbour() -> None:
    assert quotes("THE SELLER GIVES NO", 10, inner=(False, True)) == [
        "The buyer pays within thirty days of delivery.",
        "The seller keeps the goods insured until they arrive.",
    ]
