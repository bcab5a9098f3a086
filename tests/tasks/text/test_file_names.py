"""A document has the name of its file, wherever the file lies.

Run: pytest tests/tasks/text/test_file_names.py
"""

import pytest

from tasks.text.file_names import document_name


@pytest.mark.parametrize(
    ("uri", "label", "name"),
    [
        ("/docs/lease.txt", "", "lease.txt"),
        ("s3://papers/2026/lease.csv.gz", "", "lease.csv"),
        ("/docs/rows.jsonl", "row=12", "rows.jsonl"),
        ("/docs/inbox.mbox", "mail 3", "inbox.mbox"),
        ("/docs/inbox.mbox", "mail 3/budget.xlsx", "budget.xlsx"),
        ("/docs/old.zip", "2026/rows.jsonl/row=1", "rows.jsonl"),
        ("/docs/old.tar.gz", "letters/a.docx", "a.docx"),
    ],
)
def test_a_member_has_its_own_name_and_what_is_compressed_the_name_inside(
    uri: str, label: str, name: str
) -> None:
    assert document_name(uri, label) == name
