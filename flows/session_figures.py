"""Figures of sessions as text for people: growth, recall, weights of levels, eviction."""

from flows.show import table
from tasks.runs.ledger import Row


def sessions(result: Row) -> str:
    """A growing session, what is recalled of it, weights between levels, eviction, and LoCoMo's dialogues."""
    grown = [
        [f"{row['rounds']:,}", *_ms(row, "add"), *_ms(row, "ask"), str(row["rss_mib"])]
        for row in result["growth"]
    ]
    times = "add ms,95 %,processor,ask ms,95 %,processor,resident MiB"
    some = {f"made up, {name}": row for name, row in result["recall"].items()}
    some |= {f"LoCoMo, {name}": row for name, row in (result["talks"] or {}).items()}
    recalled = [[name, str(row["questions"]), _percent(row["recall"])] for name, row in some.items()]
    return "\n".join(
        [
            f"seed {result['seed']}; rounds are added one at a time, their embedding included",
            *table(["rounds", *times.split(",")], grown),
            "",
            "evidence among the 10 rounds recalled, percent with standard errors; newest: of the last 100",
            *table(["dialogue", "questions", "recalled"], recalled),
            "",
            *_levels(result["levels"]),
            "",
            "eviction from mid-term memory; facts whose span is among the 10 best of it, and of all levels",
            *table(EVICTED.split(","), [_evicted(row) for row in result["eviction"]]),
        ]
    )


EVICTED = "eviction,at most,vectors,spans,KiB,mid-term,all levels,processor ms a round"


def _ms(row: Row, name: str) -> list[str]:
    return [f"{row[f'{name}{part}_ms']:.0f}" for part in ("", "_p95", "_cpu")]


def _percent(share: list[float]) -> str:
    return f"{100 * share[0]:.1f} +- {100 * share[1]:.1f}"


def _levels(found: Row) -> list[str]:
    fixed, strong = found["first_fixed"], found["first_fixed_strength"]
    by_level = ", ".join(f"{name} {_percent(share)}" for name, share in found["right_by_level"].items())
    return [
        f"weights: the level that holds the fact earns most for {_percent(found['right'])} % of "
        f"{found['questions']} questions ({by_level})",
        f"the first round says the fact: {_percent(found['first'])} %; with equal weights "
        f"{_percent(found['first_equal'])}, with the best fixed ones ({fixed['weights']}) "
        f"{_percent(fixed['share'])}",
        f"by strength alone: {_percent(found['first_strength'])} %; with the best fixed weights "
        f"({strong['weights']}) {_percent(strong['share'])}",
    ]


def _evicted(row: Row) -> list[str]:
    size_kib = f"{row['bytes'] / 1024:,.0f}"
    counts = [str(row["most"]), str(row["vectors"]), str(row["spans"]), size_kib]
    return [row["eviction"], *counts, _percent(row["mid"]), _percent(row["all"]), f"{row['add_ms']:.1f}"]
