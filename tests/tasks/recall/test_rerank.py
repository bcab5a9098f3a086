"""Re-ranking in recall: the reader moves up what answers, reads what stands around it, leaves a receipt."""

from pathlib import Path

import pytest

from model.reader import Reader
from tasks.memory.reader import Memory
from tasks.recall.recall import recall
from tasks.recall.rerank import Candidate, Reranker, blended
from tasks.settings import RecallConfig
from tests.tasks.recall.test_recall import embed, found, passages, place, remember, source

TALK = [
    "Ann: Lisbon, Lisbon, everybody talks of Lisbon and of moving to Lisbon!",
    "Bea: Did you know that Tom's parents think Lisbon is the capital of Spain?",
    "Tom: I took the job at the bakery there because my sister lives two streets away.",
    "Ann: My dog ate the bread again.",
    "Tom: It rained all night, so the match was called off.",
    "Bea: I shall paint the kitchen on Sunday, in white and blue.",
]
QUESTION = "Why did Tom take the job at the bakery in Lisbon?"


@pytest.fixture(scope="module")
def reranker(reader_of, model_dir: Path) -> Reranker:  # type: ignore[no-untyped-def]
    reader: Reader = reader_of(512)
    return Reranker(reader, model_dir)


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Memory:
    return remember(
        tmp_path_factory.mktemp("home"), "r1", passages("talk", TALK), source("/talk.txt", "talk")
    )


def test_the_reader_ranks_the_answer_first_and_the_receipt_says_what_it_added(
    talk: Memory, reranker: Reranker
) -> None:
    hits = recall(talk, QUESTION, embed, place=place, rerank=reranker)
    assert hits[0].id == "talk-2"
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert hits[0].receipt is not None
    assert hits[0].receipt.reranked is not None
    assert hits[0].receipt.reranked > 0
    plain = found(talk, QUESTION)
    assert hits[0].score == pytest.approx(plain[0].score)  # how strongly memory answers is the same
    assert {hit.id for hit in hits} == {hit.id for hit in plain}
    assert all(hit.receipt is not None and hit.receipt.reranked is None for hit in plain)


def test_only_the_best_are_re_ranked_and_the_others_stay_behind_them(
    talk: Memory, reranker: Reranker
) -> None:
    config = RecallConfig(rerank_candidates=2)
    plain = [hit.id for hit in found(talk, QUESTION, config)]
    hits = recall(talk, QUESTION, embed, config, place=place, rerank=reranker)
    assert sorted(plain[:2]) == sorted(hit.id for hit in hits[:2])
    assert plain[2:] == [hit.id for hit in hits[2:]]
    assert all(hit.receipt is not None and hit.receipt.reranked is None for hit in hits[2:])


def test_more_are_re_ranked_than_are_asked_for(talk: Memory, reranker: Reranker) -> None:
    hits = recall(talk, QUESTION, embed, RecallConfig(k=1), place=place, rerank=reranker)
    assert [hit.id for hit in hits] == ["talk-2"]


def test_a_candidate_is_read_below_its_heading_and_between_its_neighbours(reranker: Reranker) -> None:
    rent = Candidate("Ann: How much is it?", "Bea: 900 euros a month.", "", "The flat in Cork")
    others = [
        Candidate("Ann: And the food?", "Bea: 300 euros a month.", "", "The kitchen"),
        Candidate("Ann: Did it rain?", "Bea: All night.", "", "The match"),
    ]
    scores = reranker.scores("What is the rent of the flat in Cork?", [*others, rent])
    assert max(scores) == scores[2]
    alone = [Candidate("", one.text, "") for one in (*others, rent)]
    assert reranker.scores("What is the rent of the flat in Cork?", alone) != scores


def test_nothing_to_re_rank_is_no_error(reranker: Reranker) -> None:
    assert reranker.scores("Who?", []) == []
    assert blended([], []) == []


def test_scores_of_both_rankings_count_in_standard_deviations() -> None:
    assert blended([1.0, 3.0], [0.5, 0.0]) == [-0.5, 1.0]
    assert blended([2.0, 2.0], [0.25, 0.0]) == [0.25, 0.0]
