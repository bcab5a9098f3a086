"""A value in a condition is only a value, whatever characters it holds.

Run: pytest tests/tasks/memory/test_quoted.py
"""

from pathlib import Path
from typing import Any

import lancedb
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tasks.memory.reader import quoted

ODD = (
    "'",
    "''",
    "\\",
    "\\'",
    '"',
    "%",
    "_",
    "--",
    ";",
    "' OR '1'='1",
    "a\0b",
    "\n",
    "`",
    "$1",
    "\u2019",
    "中",
    "\u202e",
)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder: Path = tmp_path_factory.mktemp("quoted")
    rows = pa.table({"name": list(ODD), "names": [[one] for one in ODD]})
    return lancedb.connect(folder).create_table("odd", rows)


@pytest.mark.parametrize("value", ODD)
def test_each_value_finds_itself_alone(table: Any, value: str) -> None:
    for where in (f"name IN ({quoted([value])})", f"array_has_any(names, [{quoted([value])}])"):
        assert [row["name"] for row in table.search().where(where).to_list()] == [value]


@given(st.text(alphabet=st.sampled_from("'\\\"%_-;() \0\na=1中\u2019`"), max_size=12))
@example("' OR name IS NOT NULL --")
def test_no_value_finds_another(table: Any, value: str) -> None:
    found = table.search().where(f"name IN ({quoted([value])})").to_list()
    assert [row["name"] for row in found] == [one for one in ODD if one == value]
