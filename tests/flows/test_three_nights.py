"""Thirty documents read on three nights: what changed, was superseded, came again or went is told.

Run: pytest tests/flows/test_three_nights.py
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from flows import asking, commands, correcting, looking
from flows.config import RunConfig
from model import weights
from tasks.ingest.parse import read_text
from tasks.memory.reader import Memory, open_memory
from tests.flows.corpus import read, recall, tiny
from tests.models import shallow_embedder
from tests.tasks.relate.texts import first_night, second_night, third_night

RIGHT = "The rent of the mill house at Ilvermoor is 1,111 euros, says the landlord."


@dataclass(frozen=True)
class Nights:
    """Three reads of one corpus, and what a person said after the first."""

    config: RunConfig
    folder: Path
    outcomes: list[dict[str, Any]]
    reports: list[str]
    correction: str

    def memory(self, night: int) -> Memory:
        return open_memory(Path(self.config.home), self.outcomes[night]["run"])


@pytest.fixture(scope="module")
def nights(api: str, dask: str, tiny_model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Nights:
    root = tmp_path_factory.mktemp("nights")
    folder, outcomes, correction = root / "corpus", [], ""
    embedder = shallow_embedder(root / "embedder", weights.resolve_embedder(""))
    config = tiny(root / "home", tiny_model_dir, f"cluster.address={dask}", f"infer.embedder={embedder}")
    for night in (first_night, second_night, third_night):
        night(folder)
        outcomes.append(read(config, folder))
        if not correction:
            (hit,) = commands.recall(
                config, ["the monthly rent of the mill house at Ilvermoor"], k=1, level="passage",
                document=str(folder / "lease-8.txt"),
            ).data["hits"]  # fmt: skip
            correction = correcting.correct(config, hit["id"], [RIGHT]).data["id"]
            correcting.pin(config, hit["id"])
    reports = [Path(outcome["report_md"]).read_text() for outcome in outcomes]
    return Nights(config, folder, outcomes, reports, correction)


def part(report: str, heading: str) -> str:
    """What stands under a heading of a report, without its escapes."""
    found = report.replace("\\", "").partition(f"\n## {heading}\n")[2]
    assert found, heading
    return found.partition("\n## ")[0]


def test_the_report_names_the_old_and_the_new_sentence_of_what_changed(nights: Nights) -> None:
    changed = part(nights.reports[1], "What has changed")
    for old, new, name in (
        ("a notice of 11 months", "a notice of 20 months", "lease-8.txt"),
        ("shipped 4310 tonnes", "shipped 9999 tonnes", "report-1.txt"),
        ("shipped 4620 tonnes", "shipped 8888 tonnes", "report-2.txt"),
        ("Dunmore costs 9 euros", "Dunmore costs 77 euros", "note-3.txt"),
        ("Esker costs 10 euros", "Esker costs 88 euros", "note-4.txt"),
    ):
        before, now = (next(line for line in changed.splitlines() if text in line) for text in (old, new))
        assert before.strip().startswith("- before: ")
        assert now.strip().startswith("- now: ")
        assert f"{name}:line " in before
        assert f"{name}:line " in now
    assert nights.outcomes[1]["relations"] == {
        "changed": 5,
        "superseded": 3,
        "conflicting": 0,
        "confirmed": 0,
        "the same": 0,
    }


def test_an_amendment_supersedes_what_it_names_and_is_recalled_before_it(nights: Nights) -> None:
    superseded = part(nights.reports[1], "Superseded")
    for number, old, new in ((0, "900", "1,700"), (1, "955", "1,800"), (2, "1010", "1,900")):
        assert f"rent of {old} euros" in superseded
        assert f"rent of {new} euros" in superseded
        assert f"amendment-{number}.txt:line 9" in superseded.replace("line 8", "line 9")
    hits = recall(nights.config, "monthly rent of the lease between Anders Holm and Otto Reuss")
    passages = [hit for hit in hits if hit["level"] == "passage"]
    older = next(at for at, hit in enumerate(passages) if "rent of 900 euros" in hit["text"])
    newer = next(at for at, hit in enumerate(passages) if "rent of 1,700 euros" in hit["text"])
    assert newer < older
    (told,) = [one for one in passages[older]["relations"] if one["how"] == "superseded by"]
    assert ("rent of 1,700 euros" in told["text"], told["date"]) == (True, "2023-05-12")


def test_an_answer_is_what_the_amendment_says(nights: Nights, capsys: pytest.CaptureFixture[str]) -> None:
    asked = "What rent does the Tenant pay under the Lease Agreement between Anders Holm and Otto Reuss?"
    answer = asking.ask(nights.config, [asked]).data
    assert "1,700 euros" in answer["claims"][0]["text"]
    old = [claim for claim in answer["claims"] if "900 euros" in claim["text"]]
    assert all("1,700 euros" in claim["superseded_by"]["text"] for claim in old)
    assert "900 euros" not in answer["answer"]
    assert "1,700 euros" in capsys.readouterr().out


def test_a_copy_under_another_letterhead_is_called_the_same(nights: Nights) -> None:
    same = part(nights.reports[2], "The same as another document")
    for number, kind in ((5, "report"), (6, "report"), (7, "note"), (8, "note")):
        assert f"copy-{number}.txt" in same
        assert f"{kind}-{number}.txt) but for 2 sentences" in same
    assert 'added: "Copied for the files of the' in same
    assert nights.outcomes[2]["relations"]["the same"] == 4
    best = recall(nights.config, "How many tonnes did the harbour of Falmere ship?")[0]
    cited = " ".join(quote["citation"] for quote in best["quotes"])
    assert "report-5.txt" in cited
    assert "copy-5.txt" in cited


def test_what_is_gone_is_named(nights: Nights) -> None:
    assert "note-9.txt" in part(nights.reports[2], "No longer there")


def test_only_what_differs_is_read_and_embedded(nights: Nights) -> None:
    first, second, third = nights.outcomes
    assert [outcome["read"] for outcome in nights.outcomes] == [30, 8, 4]
    assert second["windows"] == 8
    assert third["windows"] == 4
    assert second["embedded"] < 0.3 * first["embedded"]
    held = {row["text"]: row for row in nights.memory(0).rows("level = 'passage'", ["text", "vector"])}
    copied = [
        row
        for row in nights.memory(2).rows(f"level = 'passage' AND run = '{third['run']}'", ["text", "vector"])
        if row["text"] in held
    ]
    assert len(copied) >= 4
    assert third["reused"] >= 2 * len(copied) - 4  # words and context
    assert all(row["vector"] == held[row["text"]]["vector"] for row in copied)


def test_every_state_is_recalled_as_of_its_night(nights: Nights) -> None:
    question = "How many tonnes of salted herring did the harbour of Belmare ship?"
    for night, tonnes in enumerate(("4310", "9999", "9999")):
        hits = recall(nights.config, question, as_of=nights.outcomes[night]["run"])
        assert f"shipped {tonnes} tonnes" in hits[0]["text"]
        told = [one for hit in hits for one in hit["relations"] if one["how"] == "was before"]
        assert bool(told) == (night > 0)
    assert any("Jarrow" in row["text"] for row in nights.memory(1).rows("level = 'passage'", ["text"]))
    gone = recall(nights.config, "What does a ticket to the museum of Jarrow cost?")
    assert not any("museum of Jarrow" in hit["text"] for hit in gone)


def test_a_correction_stands_before_what_was_read_anew(
    nights: Nights, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = "monthly rent of the mill house at Ilvermoor, lease 8"
    found = commands.recall(nights.config, [asked], document=str(nights.folder / "lease-8.txt"))
    assert found.text.startswith("a person's correction of ")
    assert RIGHT.split(",")[0] in found.text
    assert any(hit["pinned"] for hit in found.data["hits"])
    answer = asking.ask(nights.config, ["What is the monthly rent of the mill house at Ilvermoor?"]).data
    assert answer["claims"][0]["by_person"]
    assert answer["answer"].startswith(RIGHT)
    assert RIGHT in capsys.readouterr().out
    corrected = next(hit for hit in found.data["hits"] if hit["corrections"])
    assert RIGHT.split(",")[0] in looking.show_one(nights.config, corrected["id"]).text
    assert [row["gone"] for row in correcting.corrections(nights.config).data["corrections"]] == [False] * 2


def test_every_quote_of_a_relation_stands_where_it_says(nights: Nights) -> None:
    checked = 0
    for night in (1, 2):
        parsed = {
            row["document"]: row
            for memory in (nights.memory(0), nights.memory(night))
            for row in memory.sources.to_pylist()
        }
        for record in nights.memory(night).rows("array_length(related) > 0"):
            for one in record["relations"]:
                for quote in (one["quote"], one["other"]):
                    row = parsed[quote["document"]]
                    place = (row["parsed"], row["part"], quote["start"], quote["end"])
                    assert read_text(Path(nights.config.home), *place) == quote["text"]
                    checked += 1
    assert checked > 30


def test_every_new_record_says_how_much_of_it_is_new(nights: Nights) -> None:
    def novelty(night: int, name: str) -> float:
        memory = nights.memory(night)
        (row,) = [row for row in memory.sources.to_pylist() if row["uri"].endswith(f"/{name}")]
        where = f"level = 'document' AND document = '{row['document']}'"
        (found,) = memory.rows(where, ["novelty"])
        return float(found["novelty"])

    assert novelty(0, "report-1.txt") == 1.0
    assert 0.0 < novelty(1, "report-1.txt") < 0.4
    assert 0.0 < novelty(2, "copy-5.txt") < 0.5
