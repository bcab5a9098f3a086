"""A home holds nothing of the values that its settings redact, in whatever file.

Run: pytest tests/tasks/relate/test_redacted.py
"""

from pathlib import Path

import pyarrow.parquet as pq

from flows import commands
from tasks.memory.reader import open_memory
from tests.flows.corpus import tiny
from tests.models import shallow_embedder
from tests.tasks.relate.reading import read
from tests.tasks.relate.texts import lease

VALUES = ("anna.lind@harbour.example", "4111-1111-1111-1111", "s3cr3tword9")


def holds(path: Path, value: str) -> bool:
    """Whether a file has a value in it, compressed or not."""
    if path.suffix == ".parquet":
        return value in str(pq.read_table(path).to_pylist())
    return value.encode() in path.read_bytes()


def test_no_file_of_a_home_holds_what_was_redacted(
    tiny_model_dir: Path, embedder_dir: Path, tmp_path: Path
) -> None:
    embedder = shallow_embedder(tmp_path / "embedder", embedder_dir)
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "lease.txt").write_text(f"{lease(0)}\nWrite to {VALUES[0]}, card {VALUES[1]}.\n")
    (corpus / "rows.csv").write_text(f"name,password\nAnna,password: {VALUES[2]}\nBerta,none\n")
    mail = f"From: Anna <{VALUES[0]}>\nSubject: Card {VALUES[1]}\n\nThe gate closes at noon.\n"
    (corpus / "note.eml").write_text(mail)
    settings = [f"infer.embedder={embedder}", "infer.threads=1", "parse.redact=[email,card,secret]"]
    config = tiny(tmp_path / "home", tiny_model_dir, *settings)
    outcome = read(config, corpus)

    home = Path(config.home)
    files = [path for path in home.rglob("*") if path.is_file()]
    assert len(files) > 20
    for value in VALUES:
        assert not [path.name for path in files if holds(path, value)]
        assert value not in str(open_memory(home).rows())
    assert outcome["omitted"] == {"redacted card number": 2, "redacted e-mail": 2, "redacted secret": 1}
    assert "1 redacted card number, 1 redacted e-mail" in Path(outcome["report_md"]).read_text()
    found = commands.recall(config, ["When does the gate close?"]).data["hits"]
    assert "The gate closes at noon." in found[0]["text"]
