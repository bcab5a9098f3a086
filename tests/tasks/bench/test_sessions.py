"""Made-up dialogues, and what is measured on them. Run: pytest tests/tasks/bench/test_sessions.py

-m slow: 10,000 rounds.
"""

from pathlib import Path

import pytest

from flows import session_figures
from tasks.bench.dialogue import dialogue
from tasks.bench.levels import evaluate_levels
from tasks.bench.sessions import evaluate_growth
from tests.marks import slow
from tests.tasks.memory.sessions.talk import embed


def test_a_fact_is_said_in_its_round_and_nowhere_else() -> None:
    made = dialogue(200, 60, seed=3)
    assert len(made.rounds) == 200
    assert len({fact.question for fact in made.facts}) == 60
    for fact in made.facts:
        who = next(word.strip("'s?") for word in fact.question.split()[1:] if word[0].isupper())
        holding = [
            number
            for number, one in enumerate(made.rounds, 1)
            for sentence in one.text.split(". ")
            if fact.value in sentence and who in sentence
        ]
        assert holding == [fact.round]
    assert dialogue(200, 60, seed=3) == made


@pytest.mark.parametrize("rounds", [160, *slow(10_000)])
def test_adding_and_asking_cost_the_same_at_any_length(rounds: int, tmp_path: Path) -> None:
    """Embedding is left out: the vectors here cost next to nothing."""
    found = evaluate_growth(tmp_path, embed, rounds, seed=1)
    first, last = found["growth"][1], found["growth"][-1]
    assert last["rounds"] == rounds
    if rounds > 1_000:  # of few rounds a busy machine makes more difference than their number
        assert last["add_cpu_ms"] < 3 * first["add_cpu_ms"] + 10
        assert last["ask_cpu_ms"] < 3 * first["ask_cpu_ms"] + 30
    assert last["rss_mib"] < first["rss_mib"] + (64 if rounds > 1_000 else 128)  # Lance itself takes 70
    assert found["recall"]["newest"]["recall"][0] > 0.8
    assert found["recall"]["older"]["questions"] == min(200, (rounds - 100) // 3)


def test_weights_are_measured_beside_fixed_ones() -> None:
    found = evaluate_levels(embed, [1])
    assert found["questions"] == 36
    assert found["right"][0] > 0.6
    assert found["first"][0] > found["first_fixed"]["share"][0]
    growth: dict[str, float] = {"rounds": 300, "rss_mib": 90}
    growth |= {f"{name}{part}_ms": 1.0 for name in ("add", "ask") for part in ("", "_p95", "_cpu")}
    shares = {"questions": 3, "recall": [0.5, 0.1]}
    shown = session_figures.sessions(
        {"seed": 1, "growth": [growth], "recall": {"newest": shares}, "talks": None, "levels": found,
         "eviction": []}
    )  # fmt: skip
    assert "made up, newest  3          50.0 +- 10.0" in shown
    assert f"of {found['questions']} questions (short " in shown
