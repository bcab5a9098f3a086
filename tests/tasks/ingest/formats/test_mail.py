"""Mails: who wrote what to whom when, each attachment a document, what was said before said once.

Run: pytest tests/tasks/ingest/formats/test_mail.py
"""

from pathlib import Path

import pytest

from tasks.errors import BadDocument
from tasks.text.outline import outline
from tests.tasks.ingest.formats import files
from tests.tasks.ingest.formats.reading import document, documents

ASKED = "The crane must be inspected before 15 April.\nWho can do it?\n"
WROTE = "On Tue, 3 Mar 2026, Ingrid Valdur wrote:"
FROM = b"From ingrid@quay.example Tue Mar  3 10:12:00 2026\n"


def mailbox(path: Path, *mails: bytes) -> None:
    path.write_bytes(b"".join(FROM + mail + b"\n" for mail in mails))


def test_a_mail_begins_with_its_head_and_attachments_are_documents(tmp_path: Path) -> None:
    message = files.mail("Rent of shed 4", "The rent rises to 1,600 euros in June.\n")
    files.workbook(tmp_path / "b.xlsx")
    message.add_attachment(
        (tmp_path / "b.xlsx").read_bytes(), "application", "octet-stream", filename="budget.xlsx"
    )
    message.add_attachment(files.PNG, "image", "png", filename="logo.png")
    message.add_attachment(files.mail("Forwarded", "An older mail.\n"))
    (tmp_path / "shed.eml").write_bytes(bytes(message))
    read = documents(tmp_path / "shed.eml")
    assert list(read) == ["", "budget.xlsx", "Forwarded.eml"]
    assert read[""].text.splitlines()[:6] == [
        "From: Ingrid Valdur <ingrid@quay.example>", "To: Otto Reuß <otto@quay.example>",
        "Date: Tue, 03 Mar 2026 10:12:00 +0100", "Subject: Rent of shed 4", "",
        "The rent rises to 1,600 euros in June.",
    ]  # fmt: skip
    assert (read[""].place("1,600"), read[""].omitted) == ("line 6", {"image": 1})
    assert read["budget.xlsx"].place("Harbour café") == "sheet Rents, row 6"
    about = outline([(0, read[""].text)], "shed.eml")
    assert (about.title, about.kind, about.date) == (
        "Rent of shed 4 (from Ingrid Valdur)",
        "mail",
        "2026-03-03",
    )


def test_a_mailbox_says_once_what_a_reply_quotes(tmp_path: Path) -> None:
    quoted = "".join(f"> {line}\n" for line in ASKED.splitlines())
    answer = files.mail("Re: Crane", f"I can, on 9 April.\n\n{WROTE}\n{quoted}\nAnd the ropes?\n")
    other = files.mail("Re: Other", f"Yes.\n\n{WROTE}\n> Nobody else said these words here.\n")
    mailbox(tmp_path / "crane.mbox", bytes(files.mail("Crane", ASKED)), bytes(answer), bytes(other))
    read = documents(tmp_path / "crane.mbox")
    assert list(read) == ["mail 1", "mail 2", "mail 3"]
    assert read["mail 2"].text.splitlines()[4:] == ["", "I can, on 9 April.", "", "And the ropes?"]
    assert read["mail 2"].omitted == {"quoted line of an earlier mail": 2}
    assert read["mail 3"].text.endswith(f"{WROTE}\n> Nobody else said these words here.\n")
    assert read["mail 3"].place("Nobody else") == "line 9"


@pytest.mark.parametrize(
    "below",
    [
        "-----Original Message-----\nFrom: Ann\nSent: Monday\nTo: Ben\nSubject: Rope\n\nOld words.",
        "From: Ann\nSent: Monday\nTo: Ben\nSubject: Rope\n\nOld words.",
        f"{WROTE}\n\nOld words.",
        "Am 3. März 2026 schrieb Ann:\nOld words.",
    ],
)
def test_a_quoted_mail_is_marked_whichever_program_wrote_it(tmp_path: Path, below: str) -> None:
    (tmp_path / "a.eml").write_bytes(bytes(files.mail("Rope", f"New words.\n\n{below}\n")))
    lines = document(tmp_path / "a.eml").text.splitlines()
    assert "> Old words." in lines
    assert "New words." in lines


def test_html_is_read_as_a_page_and_plain_text_is_preferred_unless_it_is_a_stub(tmp_path: Path) -> None:
    page = "<p>The crane costs <b>780 euros</b>.</p><blockquote>What does it cost?</blockquote><p>Bye</p>"
    message = files.mail("Invoice", "x")
    message.set_content(page, subtype="html")
    (tmp_path / "a.eml").write_bytes(bytes(message))
    assert document(tmp_path / "a.eml").text.splitlines()[5:] == [
        "The crane costs 780 euros.", "> What does it cost?", "Bye",
    ]  # fmt: skip
    for name, plain, wanted in (
        ("b.eml", "The crane costs 780 euros.", False),
        ("c.eml", "Needs HTML.", True),
    ):
        message = files.mail("Invoice", plain)
        message.add_alternative(page.replace("Bye", "Long words. " * 40), subtype="html")
        (tmp_path / name).write_bytes(bytes(message))
        if name == "b.eml":
            continue
        assert ("What does it cost?" in document(tmp_path / name).text) is wanted


def test_words_of_other_alphabets_are_read_as_declared(tmp_path: Path) -> None:
    head = b"From: =?utf-8?q?J=C3=B6rg?= <j@x.example>\nSubject: =?koi8-r?B?8NLJ18XU?=\nMIME-Version: 1.0\n"
    (tmp_path / "a.eml").write_bytes(
        head
        + b"Content-Type: text/plain; charset=koi8-r\nContent-Transfer-Encoding: 8bit\n\n"
        + "Мост закрыт.".encode("koi8-r")
    )
    assert document(tmp_path / "a.eml").text.splitlines() == [
        "From: Jörg <j@x.example>",
        "Subject: Привет",
        "",
        "Мост закрыт.",
    ]


def test_a_sealed_mail_is_encrypted_and_harms_no_other_of_its_mailbox(tmp_path: Path) -> None:
    sealed = (
        b"From: a@b.c\nSubject: s\nMIME-Version: 1.0\nContent-Type: multipart/encrypted; boundary=x\n\n"
        b"--x\n\nq\n--x--\n"
    )
    (tmp_path / "a.eml").write_bytes(sealed)
    with pytest.raises(BadDocument, match="encrypted: the mail is encrypted"):
        document(tmp_path / "a.eml")
    mailbox(
        tmp_path / "a.mbox",
        sealed,
        bytes(files.mail("Open", "Words.\n\nFrom here on it goes well.\n\n>From x\n")),
    )
    read = documents(tmp_path / "a.mbox")
    assert (read["mail 1"].row["outcome"], len(read)) == ("encrypted", 2)
    assert "From here on it goes well.\n\nFrom x" in read["mail 2"].text.replace(">From", "From")


def test_a_mail_of_parts_inside_each_other_without_end_has_a_reason(tmp_path: Path) -> None:
    deep = b"From: a@b.c\nSubject: s\n" + b"".join(
        b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (n, n) for n in range(5000)
    )
    (tmp_path / "deep.eml").write_bytes(deep)
    with pytest.raises(BadDocument, match="parts with parts"):
        document(tmp_path / "deep.eml")


def test_a_page_with_its_pictures_is_an_alternative_to_the_plain_text(tmp_path: Path) -> None:
    (tmp_path / "a.eml").write_bytes(
        b"From: a@b.c\nSubject: s\nMIME-Version: 1.0\nContent-Type: multipart/alternative; boundary=A\n\n"
        b"--A\nContent-Type: text/plain\n\nSaid once.\n"
        b"--A\nContent-Type: multipart/related; boundary=R\n\n--R\nContent-Type: text/html\n\n"
        b"<p>Said once.</p>\n--R--\n--A--\n"
    )
    assert document(tmp_path / "a.eml").text.count("Said once.") == 1


def test_a_header_in_bytes_that_nothing_declares_is_decoded_as_a_text_is(tmp_path: Path) -> None:
    (tmp_path / "a.eml").write_bytes(
        "From: a@b.c\nSubject: Schöne Grüße aus Köln\n\nWords.\n".encode("cp1252")
    )
    assert "Subject: Schöne Grüße aus Köln\n" in document(tmp_path / "a.eml").text
