"""Sentences of a window are scored by the attention that they draw, and kept in the journal as they are."""

import numpy as np

from tasks.infer.journal import WindowNote, salience_by_char
from tasks.infer.quotes import Salient, salient_sentences

TEXT = (
    "The buyer pays within thirty days of delivery. "
    "The seller keeps the goods insured until they arrive. "
    "The seller gives no warranty that the goods are fit for any purpose."
)


def saliences(salient: str, inner: tuple[bool, bool] = (False, False)) -> dict[str, float]:
    """Salience of the sentences of TEXT, one token a character, where `salient` draws attention."""
    ratio = np.zeros(len(TEXT), np.float32)
    at = TEXT.index(salient)
    ratio[at : at + len(salient)] = 1.0
    found = salient_sentences(TEXT, 100, np.arange(len(TEXT), dtype=np.int32), ratio, inner)
    return {TEXT[one.start - 100 : one.end - 100].split()[2]: one.salience for one in found}


def test_the_sentence_that_draws_attention_is_salient() -> None:
    assert saliences("The seller keeps the goods insured until they arrive.") == {
        "pays": 0.0,
        "keeps": 1.0,
        "gives": 0.0,
    }


def test_a_sentence_that_may_be_cut_by_the_window_is_left_to_its_neighbour() -> None:
    assert saliences("The seller gives no", inner=(False, True)).keys() == {"pays", "keeps"}
    assert saliences("The seller gives no", inner=(True, False)).keys() == {"keeps", "gives"}


def test_what_the_journal_keeps_of_a_window_comes_back() -> None:
    note = WindowNote(10, 200, (Salient(12, 40, 0.25), Salient(41, 60, -1.5)))
    assert WindowNote.from_json(note.to_json().encode()) == note


def test_of_two_windows_that_hold_a_sentence_the_more_salient_one_counts() -> None:
    notes = [WindowNote(0, 9, (Salient(3, 8, 0.5),)), WindowNote(2, 20, (Salient(3, 8, 0.75),))]
    assert salience_by_char(notes) == {3: 0.75}
