"""Vectors of two embedders never stand beside each other, and all are made again in one step."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from tasks.errors import InvalidInput, NightreadError
from tasks.infer.models import Models
from tasks.memory.embedders import check_embedder, embedder_name, made_by
from tasks.memory.publish import publish
from tasks.memory.reader import open_memory, published
from tasks.memory.staging import stage
from tasks.memory.upkeep.reembed import reembed, reembed_with
from tasks.memory.upkeep.upkeep import tidy
from tasks.reduce.done import load_done
from tasks.runs.ledger import Ledger, ledger_path
from tasks.settings import UpkeepConfig
from tests.flows.corpus import tiny
from tests.models import shallow_embedder
from tests.tasks.memory.rows import document, put, sees
from tests.tasks.relate.reading import read
from tests.tasks.relate.texts import report

Vectors = npt.NDArray[np.float32]


class Letters:
    """Unit vectors of how often each letter is in a text; counts the texts."""

    def __init__(self, most: int = 10**9) -> None:
        self.texts, self.most = 0, most

    def __call__(self, texts: Sequence[str]) -> Vectors:
        if self.texts + len(texts) > self.most:
            raise KeyboardInterrupt
        self.texts += len(texts)
        counts = np.array(
            [np.bincount(list(text.encode()), minlength=256)[:256] for text in texts], np.float32
        )
        unit: Vectors = counts / np.linalg.norm(counts, axis=1, keepdims=True)
        return unit


def anew(home: Path, embed: Letters, name: str = "letters@2") -> int:
    return reembed(home, name, lambda: embed, lambda *_: None)


def first(home: Path, names: Sequence[str] = ("d0", "d1")) -> None:
    staged = [stage(home, "r1", document(name)) for name in names]
    publish(home, "r1", staged, sees(*names), embedder="random@1")


def test_every_record_gets_new_vectors_and_readers_of_before_keep_theirs(tmp_path: Path) -> None:
    first(tmp_path)
    reader = open_memory(tmp_path)
    before, embed = sorted(reader.rows(), key=lambda row: row["id"]), Letters()
    assert anew(tmp_path, embed) == 10
    memory = open_memory(tmp_path)
    after = sorted(memory.rows(), key=lambda row: row["id"])
    assert np.allclose([row["vector"] for row in after], embed([row["text"] for row in after]))
    assert np.allclose([row["context_vector"] for row in after], embed([row["context"] for row in after]))
    for row in (*before, *after):
        del row["vector"], row["context_vector"]
    assert before == after
    assert (made_by(reader), made_by(memory)) == ("random@1", "letters@2")
    assert len(reader.rows(columns=["vector"])) == 10
    assert made_by(open_memory(tmp_path, "r1")) == "letters@2"  # the same run, read from another version
    assert anew(tmp_path, embed) == 0
    assert not (tmp_path / "memory" / "vectors").exists()


def test_after_embedding_anew_nothing_is_read_again(
    tiny_model_dir: Path, embedder_dir: Path, tmp_path: Path
) -> None:
    folder, configs = tmp_path / "corpus", []
    for layers in (1, 2):
        embedder = shallow_embedder(tmp_path / f"embedder-{layers}", embedder_dir, layers)
        where = [f"infer.embedder={embedder}", "infer.threads=1"]
        configs.append(tiny(tmp_path / "home", tiny_model_dir, *where))
    before, after = configs
    folder.mkdir()
    (folder / "a.txt").write_text(report(1))
    read(before, folder)
    reembed_with(tmp_path / "home", after.infer, lambda *_: None)
    again = read(after, folder)
    assert (again["status"], again["read"], again["embedded"]) == ("unchanged", 0, 0)
    (folder / "b.txt").write_text(report(2))
    assert read(after, folder)["read"] == 1
    models = Models(tmp_path / "home", after.infer, after.shard.stride)
    (row, _) = open_memory(tmp_path / "home").sources.to_pylist()
    with Ledger(ledger_path(tmp_path / "home")) as ledger:
        done = load_done(ledger, models.key, row["document"])
    assert done is not None
    assert np.allclose(done.vector, models.embedder.encode([done.node.text])[0], atol=1e-4)  # for themes


def test_a_cut_over_that_was_interrupted_goes_on_where_it_stopped(tmp_path: Path) -> None:
    names = [f"d{number}" for number in range(120)]
    first(tmp_path, names)
    at = published(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        anew(tmp_path, Letters(most=1100))
    assert published(tmp_path) == at
    embed = Letters()
    assert anew(tmp_path, embed) == 600
    assert embed.texts == 2 * (600 - 512)


def test_a_run_with_another_embedder_is_refused_until_an_upkeep(tmp_path: Path) -> None:
    first(tmp_path)
    staged = [stage(tmp_path, "r2", document("d2"))]
    with pytest.raises(NightreadError, match=r"made by random@1 now, those of this run by letters@2"):
        publish(tmp_path, "r2", staged, sees("d0", "d1", "d2", since="r1"), embedder="letters@2")
    anew(tmp_path, Letters())
    publish(tmp_path, "r2", staged, sees("d0", "d1", "d2", since="r1"), embedder="moved@2")
    tidy(tmp_path, UpkeepConfig())
    assert made_by(open_memory(tmp_path)) == "letters@2"
    assert made_by(open_memory(tmp_path, "r1")) == "letters@2"


def test_asking_with_another_embedder_names_both_and_the_remedy(tmp_path: Path) -> None:
    first(tmp_path)
    folder = tmp_path / "other"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    with pytest.raises(InvalidInput, match=r"embedder random \(1\).*other \(\w+\).*nightread upkeep"):
        check_embedder(open_memory(tmp_path), folder)
    anew(tmp_path, Letters(), embedder_name(folder))
    check_embedder(open_memory(tmp_path), folder)


def test_a_memory_that_does_not_note_its_embedder_is_compared_with_it(tmp_path: Path) -> None:
    put(tmp_path, "r1", ["d0"])
    assert made_by(open_memory(tmp_path)) == ""
    rows = {row["text"]: row["vector"] for row in open_memory(tmp_path).rows()}
    reembed(
        tmp_path,
        "own@3",
        lambda: lambda texts: np.array([rows[text] for text in texts], np.float32),
        lambda *_: None,
    )
    assert made_by(open_memory(tmp_path)) == "own@3"
    assert {row["text"]: row["vector"] for row in open_memory(tmp_path).rows()} == rows
