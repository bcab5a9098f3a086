"""Pages as a reader sees them: lines, rows, words and code as shown; what is hidden is counted.

Run: pytest tests/tasks/ingest/test_parse_html.py
"""

import time
from pathlib import Path

import pytest

from tasks.ingest.parse.base import Omitted, TextSpan
from tasks.ingest.parse.detect import detect
from tasks.ingest.parse.formats.html import parse
from tasks.settings import ParseConfig


def read(page: str, path: Path) -> tuple[str, dict[str, int]]:
    path.write_text(page, encoding="utf-8")
    items = list(parse(path, ParseConfig()))
    text = "".join(item.text for item in items if isinstance(item, TextSpan))
    return text, {item.kind: item.count for item in items if isinstance(item, Omitted)}


@pytest.mark.parametrize(
    ("page", "text"),
    [
        (
            "<table><tr><th>Fee</th><th>Due</th></tr><tr><td>90</td><td>May</td></tr></table>",
            "Fee\tDue\n90\tMay",
        ),
        ("<table><tr><td>a<td>b<tr><td><p>c</p><p>d</p><td><td>e</table>z", "a\tb\nc d\t\te\nz"),
        ("<table><tr><td><table><tr><td>in<td>ner</table></td></tr></table>", "in\tner"),
        (
            "<p>So:</p><pre>\nif x:\n    y  = 1\n\n\tz <b>= 2</b>\n</pre>",
            "So:\nif x:\n    y  = 1\n\n        z = 2",
        ),
        ("<textarea>\n  kept  so</textarea>", "  kept  so"),
        (
            "ex<b>tra</b>or<x-em>din</x-em>ar<wbr>i<ins>ly</ins> re&shy;new<br>next",
            "extraordinarily renew\nnext",
        ),
        ("<p>one<div>two</div>three<h2>four</h2>", "one\ntwo\nthree\nfour"),
        ("<math><mfrac><mn>1</mn><mn>2</mn></mfrac><msup><mi>x</mi><mn>3</mn></msup></math>", "1/2x^3"),
        ("<math><msqrt><mi>x</mi><mo>+</mo><mn>2</mn></msqrt></math>", "√(x+2)"),
        (
            "<input value='Ann'> <input type=checkbox checked>paid<input type=password value=pw>",
            "Ann [x] paid",
        ),
        ("<p>a &lt;b&gt; &amp; &#8364;5&nbsp;c</p>", "a <b> & €5 c"),
    ],
)
def test_a_page_is_read_as_it_is_shown(page: str, text: str, tmp_path: Path) -> None:
    assert read(page, tmp_path / "a.html") == (text, {})


@pytest.mark.parametrize(
    "hidden",
    [
        "<p hidden>no</p>",
        "<div style='color: red; DISPLAY :none'>no<p>no</p></div>",
        "<span style='visibility:hidden'>no</span>",
        "<i style='font-size:0px'>no</i>",
        "<b aria-hidden=true>no</b>",
        "<template><p>no</p></template>",
        "<style>.x, #z {display:none}</style><p class='y x'>no</p>",
        "<style>p.x[lang], i.x.y {display:none}</style><i class='y x z'>no</i>",
        "<dialog>no</dialog>",
        "<style>div .x {display:none}</style><div><i><p class=x>no</p></i></div>",
        "<style>#a > ul li.x {visibility:hidden}</style><div id=a><ul><b><li class=x>no</b></ul></div>",
        "<style>@media screen and (min-width: 9px) {p {opacity:1} p.x {opacity:0}}</style><p class=x>no",
        "<style>.x {position:absolute; left:-9999px}</style><p class=x>no</p>",
        "<style>.y {position:absolute;clip:rect(0, 0, 0, 0);width:1px}</style><p class=y>no</p>",
        "<p style='text-indent:-10000px'>no</p>",
        "<p style='color: #FFF; background-color: #fff'>no</p>",
        "<p style='color:transparent'>no</p>",
        "<p class='sr-only'>no</p>",
        "<style>/* a */ #z { opacity: 0 }</style><p id=z>no</p>",
    ],
)
def test_what_is_hidden_is_left_out_and_counted(hidden: str, tmp_path: Path) -> None:
    page = f"<p>before</p>{hidden}<p>after</p>"
    assert read(page, tmp_path / "a.html") == ("before\nafter", {"hidden text": 1})


@pytest.mark.parametrize(
    "shown",
    [
        "<style>p.x, b.y.z {display:none}</style><b class='x z'>yes</b>",
        "<dialog open>yes</dialog>",
        "<p style='display:block; font-size:0.9em; opacity: 0.5'>yes</p>",
        "<style>@media print { .x {display:none} } </style><p class=x>yes</p>",
        "<style>div .x {display:none}</style><p class=x>yes</p>",
        "<style>ul > .x {display:none}</style><ul><li><p class=x>yes</p></ul>",
        "<style>.t>.x{display:none} .t>.on{display:block}</style><div class=t><p class='x on'>yes</p></div>",
        "<style>#a {display:block} .x {display:none}</style><p class=x id=a>yes</p>",
        "<style>@media (max-width: 600px) { .x {display:none} }</style><p class=x>yes</p>",
        "<style>.x {display:none}</style><p class=x style='display:block'>yes</p>",
        "<style>.x {margin-left:-10px; text-indent: -1em}</style><p class=x>yes</p>",
        "<p aria-hidden=false>yes</p>",
        "<p style='color:white;background:black'>yes</p>",
        "<script>var a = '<p>no</p>'</script><p>yes</p>",
        "<!-- no --><p>yes</p>",
    ],
)
def test_what_is_shown_is_read(shown: str, tmp_path: Path) -> None:
    assert read(shown, tmp_path / "a.html") == ("yes", {})


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<ol><li>one<li><p>two</p><ol type=a start=3><li>c<li>d</ol><li value=7>x<li>y</ol>z",
         "1. one\n2. two\nc. c\nd. d\n7. x\n8. y\nz"),
        ("<ol reversed start=2 type=I><li>a<li>b</ol><ol reversed><li>a</ol><ul><li>point</ul>",
         "II. a\nI. b\na\npoint"),
        ("<ol style='list-style: none'><li>a</ol><nav><ol><li>b</ol></nav><li>c", "a\nb\nc"),
    ],
)  # fmt: skip
def test_items_of_an_ordered_list_have_their_numbers(page: str, text: str, tmp_path: Path) -> None:
    assert read(page, tmp_path / "a.html") == (text, {})


def test_readings_images_and_films_are_counted(tmp_path: Path) -> None:
    ruby = "<ruby>漢字<rp>(</rp><rt>かんじ</rt><rp>)</rp></ruby>"
    page = f"{ruby}を<img src=a alt='a map'><video>old browser</video>読む"
    text, omitted = read(page, tmp_path / "a.html")
    assert (text, omitted) == ("漢字を [a map] 読む", {"reading": 1, "image": 1, "film": 1})


@pytest.mark.parametrize(
    "page",
    [
        "<!-- -->" * 500 + "<p>yes</p>",
        f"<style>{'a' * 500_000}</style><p>yes</p>",
        f"<style>{'/*' * 250_000}</style><p>yes</p>",
        f"<style>{'.a{' * 50_000}{'}' * 50_000}</style><p>yes</p>",
        f"<p style='opacity:0.{'0' * 500_000}'>no</p><p>yes</p>",
        f"{'<table><tr><td>' * 2_000}yes",
        f"<style>.z {'.a ' * 6}.b{{opacity:0}}</style>{'<i class=a>' * 200}{'<b class=b>' * 99}<p>yes",
    ],
)
def test_a_page_made_to_take_long_does_not(page: str, tmp_path: Path) -> None:
    began = time.process_time()
    assert read(page, tmp_path / "a.html")[0].endswith("yes")
    assert detect(tmp_path / "a.html", "a.html") == "html"
    assert time.process_time() - began < 3


def test_a_raised_number_is_no_digit_of_the_number_before_it(tmp_path: Path) -> None:
    page = "<p>10<sup>6</sup> m<sup>-2</sup>, H<sub>2</sub>O, 1<sup>st</sup>, so<sup><a href=#n>3</a></sup>"
    assert read(page, tmp_path / "a.html") == ("10⁶ m⁻², H2O, 1st, so³", {})


def test_a_cell_that_spans_rows_is_read_in_each_and_one_that_spans_columns_keeps_the_next_below_its_head(
    tmp_path: Path,
) -> None:
    page = (
        "<table><tr><th rowspan=2>Pump<th colspan=2>2025<th>End<tr><th>H1<th>H2<tr><td rowspan=0>A<td>1<td>2"
        "<td>May<tr><td colspan=2>3<td>June</table><table><tr><td>outer<td>"
        "<table><tr><td rowspan=9>in<td>4<tr><td>5<tr></table><td>last</table>"
    )
    assert read(page, tmp_path / "a.html") == (
        "Pump\t2025\t\tEnd\nPump\tH1\tH2\nA\t1\t2\tMay\nA\t3\t\tJune\nin\t4\nin\t5\nouter\tlast", {}
    )  # fmt: skip


def test_a_cell_cannot_be_read_again_without_end(tmp_path: Path) -> None:
    page = f"<table><tr><td rowspan=60000 colspan=300>{'a' * 300}<td>b{'<tr><td>c' * 6_000}</table>"
    assert len(read(page, tmp_path / "a.html")[0]) < 2_000_000


def test_a_box_of_no_size_that_cuts_its_text_off_is_hidden(tmp_path: Path) -> None:
    page = (
        "<style>.shut {max-height:0; overflow:hidden} .film {height:0; padding-bottom:56%; overflow:hidden}"
        "</style><p class=shut>no<p style='height:0;width:0px;overflow:hidden'>no<p style='height:0'>yes"
        "<p style='min-height:0;overflow:hidden'>too<p class=film>and here"
    )
    assert read(page, tmp_path / "a.html") == ("yes\ntoo\nand here", {"hidden text": 2})
