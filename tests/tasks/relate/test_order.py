"""What belongs together is found in whatever order it is read, and answers say what holds now.

Run: pytest tests/tasks/relate/test_order.py
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flows import asking, commands
from flows.config import RunConfig
from tasks.memory.reader import open_memory
from tasks.recall.inspect import found_by
from tests.flows.corpus import tiny
from tests.models import shallow_embedder
from tests.tasks.relate.reading import read
from tests.tasks.relate.texts import amendment, copied, lease, report

ASKED = "What rent does the Tenant pay under the Lease Agreement between Anders Holm and Otto Reuss?"
Settings = Callable[[], RunConfig]


@pytest.fixture
def settings(tiny_model_dir: Path, embedder_dir: Path, tmp_path: Path) -> Settings:
    embedder = shallow_embedder(tmp_path / "embedder", embedder_dir)
    return lambda: tiny(tmp_path / "home", tiny_model_dir, f"infer.embedder={embedder}", "infer.threads=1")


def put(folder: Path, **texts: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name}.txt").write_text(text)
    return folder


def claims(config: RunConfig) -> list[tuple[bool, bool]]:
    """Of every claim about the rent: whether it is the new one, and whether it is marked as superseded."""
    said = asking.ask(config, [ASKED]).data["claims"]
    rents = [one for one in said if "monthly rent of" in one["text"]]
    return [("1,700 euros" in one["text"], one["superseded_by"] is not None) for one in rents]


def relations(config: RunConfig, words: str) -> list[tuple[str, bool]]:
    """What passages with these words are to others, and whether that names the new rent."""
    hits = commands.recall(config, [words], level="passage").data["hits"]
    found = [one for hit in hits if words in hit["text"] for one in hit["relations"]]
    return [(one["how"], "1,700" in one["text"]) for one in found]


def test_an_amendment_that_was_read_before_its_agreement_is_linked_when_that_arrives(
    settings: Settings, tmp_path: Path
) -> None:
    config, folder = (
        settings(),
        put(tmp_path / "corpus", amendment=amendment(0, "1,700 euros"), other=lease(1)),
    )
    assert read(config, folder)["relations"]["superseded"] == 0
    outcome = read(config, put(folder, lease=lease(0)))
    assert outcome["relations"]["superseded"] == 1
    assert "Superseded" in Path(outcome["report_md"]).read_text()
    for (found,) in (outcome["found"], found_by(Path(config.home), outcome["run"], 3)):
        assert ("900 euros" in found["before"], "1,700 euros" in found["now"]) == (True, True)
    assert claims(config) == [(True, False), (False, True)]
    assert relations(config, "rent of 900 euros") == [("superseded by", True)]
    assert relations(config, "rent of 1,700 euros") == [("supersedes", False)]
    (folder / "amendment.txt").unlink()
    read(config, folder)
    assert claims(config) == [(False, False)]
    assert relations(config, "rent of 900 euros") == []


@pytest.mark.parametrize("names", [("a", "b"), ("b", "a")])
def test_an_amendment_beside_its_agreement_in_one_run_is_linked_in_either_order(
    names: tuple[str, str], settings: Settings, tmp_path: Path
) -> None:
    texts = dict(zip(names, (lease(0), amendment(0, "1,700 euros")), strict=True))
    config = settings()
    assert read(config, put(tmp_path / "corpus", **texts))["relations"]["superseded"] == 1
    assert claims(config) == [(True, False), (False, True)]


def test_copies_first_seen_in_one_run_are_named_and_cited_together_and_only_what_differs_is_a_hit_of_its_own(
    settings: Settings, tmp_path: Path
) -> None:
    text = "\n".join(report(number) for number in range(4))
    offices = ("Harbour Office of the Coast", "Archive of the Council", "Library of Stelling")
    copies = {f"copy{at}": copied(text, one, f"For the {one}, shelf {at}.") for at, one in enumerate(offices)}
    config = settings()
    outcome = read(config, put(tmp_path / "corpus", a=text, **copies))
    assert [row["action"] for row in outcome["table"]] == ["read: new", *["read: the same"] * 3]
    held: dict[str, set[str]] = {}
    for row in open_memory(Path(config.home)).rows("level = 'passage'", ["text", "document"]):
        held.setdefault(row["text"], set()).add(row["document"])
    assert sorted(map(len, held.values())) == [*[1] * 6, *[4] * (len(held) - 6)]  # letterheads and last lines
    found: list[dict[str, Any]] = commands.recall(
        config, ["How many tonnes of slate did the harbour of Corvin ship?"], level="passage"
    ).data["hits"]
    best = [hit for hit in found if "4620 tonnes" in hit["text"]]
    assert len(best) == 1
    assert len({one["citation"].partition(":line")[0] for one in best[0]["quotes"]}) == 4
