"""Texts in any encoding are read exactly; what had to be guessed is said.

Run: pytest tests/tasks/ingest/test_encodings.py
"""

import random
from pathlib import Path

import pytest

from tasks.errors import BadDocument
from tasks.ingest.parse.base import Decoded
from tasks.ingest.parse.encoding import decode, encoding_of, is_binary, python_name, wide_encoding

ASCII = b"The keeper of the lamp wrote one line a day.\n"
SENTENCES = {
    "cp1252": [
        "Der Müller von Großräschen zahlt für die Mühle jährlich fünfzig Taler.",
        "L'été dernier, la forêt de chênes fut abattue près du château.",
        "Åse Sørensen kjøpte båten på øya i går.",
        "El niño soñó con una cigüeña en el balcón.",
        "A estação não abre amanhã; haverá outra reunião às três.",
        "“Paid in full” – so says the clerk’s note…",
    ],
    "cp1250": ["Příliš žluťoučký kůň pěl ďábelské ódy.", "Zażółć gęślą jaźń, pchnąć w tę łódź jeża."],
    "iso8859-2": ["Szczęśliwa żona młynarza śpi w łóżku całą noc."],
    "cp1251": ["Старый мельник продал лодку соседу.", "Щороку в травні цвіте жито біля річки."],
    "koi8-r": ["Старый мельник продал лодку соседу и ушёл домой."],
    "cp866": ["Старый мельник продал лодку соседу и ушёл домой."],
    "cp1253": ["Ο γέρος μυλωνάς πούλησε τη βάρκα του στον γείτονα."],
    "cp1254": ["Yaşlı değirmenci kayığını komşusuna sattı, ırmağa baktı."],
    "cp1255": ["הטוחן הזקן מכר את הסירה לשכן שלו."],
    "cp1256": ["باع الطحان العجوز القارب لجاره القديم."],
    "iso8859-6": ["باع الطحان العجوز القارب لجاره القديم في قرية على ضفة النهر."],
    "cp1257": ["Senas malūnininkas pardavė valtį kaimynui už šešis litus, ačiū."],
    "cp874": ["คนโม่แป้งชราขายเรือให้เพื่อนบ้านของเขา"],
    "gb18030": ["老磨坊主把船卖给了邻居，然后回家了。"],
    "big5": ["老磨坊主把船賣給了鄰居，然後回家了。"],
    "cp932": ["年老いた粉屋は隣人に舟を売って、家に帰った。"],
    "euc_jp": ["年老いた粉屋は隣人に舟を売って、家に帰った。"],
    "iso2022_jp": ["年老いた粉屋は隣人に舟を売って、家に帰った。"],
    "cp949": ["늙은 방앗간 주인은 이웃에게 배를 팔고 집으로 돌아갔다."],
}


@pytest.mark.parametrize(("encoding", "sentences"), SENTENCES.items())
def test_an_encoding_that_nobody_declares_is_told_from_its_relatives(
    encoding: str, sentences: list[str]
) -> None:
    for sentence in sentences:
        content = f"{sentence}\n".encode(encoding)
        text, found = decode(content)
        assert (text.strip(), found.guessed) == (sentence, True)


@pytest.mark.parametrize("encoding", ["cp1252", "gb18030", "cp932", "utf-8"])
def test_the_first_telling_byte_may_come_late(encoding: str, tmp_path: Path) -> None:
    late = {"cp1252": "Señor Peña", "gb18030": "王喆㐂先生", "cp932": "山田さん", "utf-8": "山田さん"}[
        encoding
    ]
    (tmp_path / "a.txt").write_bytes(ASCII * 40_000 + f"Signed by {late}.\n".encode(encoding))
    found = encoding_of(tmp_path / "a.txt")
    assert f"Signed by {late}." in (tmp_path / "a.txt").read_text(found.encoding)
    assert found.guessed == (encoding != "utf-8")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("text", ["Lamp oil, 4 jars.\n", "Масло, 4 банки.\n", "灯油四罐。\n第二行 ok。\n"])
def test_wide_characters_are_known_without_a_mark(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding)) == (text, Decoded(encoding, guessed=True))
    assert not is_binary(text.encode(encoding))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_mark_says_what_follows(encoding: str) -> None:
    assert decode("Öl, 4 Krüge".encode(encoding)) == ("Öl, 4 Krüge", Decoded(encoding))


@pytest.mark.parametrize(
    ("head", "encoding", "text", "found"),
    [
        ("<meta charset=iso-8859-1>", "cp1252", "“Größe”", Decoded("cp1252")),
        ("<meta charset=utf-8>", "cp1252", "Größe", Decoded("cp1252", guessed=True)),
        ("<meta charset=windows-1252>", "utf-8", "Größe", Decoded("utf-8")),
        ("<meta charset=gb2312>", "gb18030", "朱镕基", Decoded("gb18030")),
        ("<meta charset=latin1>", "cp932", "年老いた粉屋は隣人に舟を売った", Decoded("cp932", guessed=True)),
        ("<?xml version='1.0' encoding='windows-1251'?>", "cp1251", "Да", Decoded("cp1251")),
        ("# -*- coding: latin-1 -*-", "cp1252", "x = 'é'", Decoded("cp1252")),
        ('@charset "iso-8859-2";', "iso8859-2", "łódź", Decoded("iso8859-2")),
        ("<meta charset=klingon>", "cp1252", "Größe", Decoded("cp1252", guessed=True)),
    ],
)
def test_what_a_text_declares_is_believed_unless_its_bytes_say_otherwise(
    head: str, encoding: str, text: str, found: Decoded
) -> None:
    assert decode(f"{head}\n{text}".encode(encoding)) == (f"{head}\n{text}", found)


def test_a_label_beside_the_text_counts_as_a_declaration() -> None:
    assert decode("сад".encode("koi8-r"), "KOI8-R") == ("сад", Decoded("koi8-r"))
    assert [python_name(one) for one in ("x-sjis", "ISO-8859-1", "nonsense", "rot13")] == [
        "cp932", "cp1252", "", ""
    ]  # fmt: skip


def test_a_damaged_text_is_not_taken_for_one_in_another_encoding() -> None:
    with pytest.raises(BadDocument, match="broken UTF-8 at byte"):
        decode("naïve café naïve café".encode() + b"\xff")


def test_random_bytes_are_binary_and_a_text_with_a_few_controls_is_not() -> None:
    assert is_binary(random.Random(7).randbytes(4096))
    assert not is_binary(b"page one\x0cpage two \x1b[1mbold\x1b[0m" + ASCII)


def test_a_stray_nul_does_not_make_chinese_of_english() -> None:
    assert wide_encoding(b"The lamp\0 was lit at dusk, and the harbour was quiet.") == ""


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Zoé, Irène", "cp1252"),
        ("Hej då, åäö", "cp1252"),
        ("José Muñoz", "cp1252"),
        ("Łukasz;Łódź", "cp1250"),
        ("港口的船", "gb18030"),
        ("ﾃｽﾄです。", "cp932"),
        ("สวัสดีชาวโลก", "cp874"),
        ("船在黎明离开了港口。", "utf-16-le"),
        ("船は夜明けに港を出た。", "utf-16-be"),
    ],
)
def test_a_few_words_tell_their_encoding(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding)) == (text, Decoded(encoding, guessed=True))


def test_a_short_page_that_declares_the_wrong_alphabet_is_read_by_its_bytes() -> None:
    page = "<html><head><meta charset=iso-8859-1></head><body><p>Привет, как дела? Мы дома.</p></body></html>"
    assert decode(page.encode("cp1251")) == (page, Decoded("cp1251", guessed=True))
    page = page.replace("Привет, как дела? Мы дома.", "Hej då, åäö")
    assert decode(page.encode("cp1252")) == (page, Decoded("cp1252"))
