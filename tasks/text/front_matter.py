"""What a Markdown file tells programs in front of its text, between two lines of three dashes."""

import re

from tasks.text.dates import dates

_MATTER = re.compile(r"\A---\n(?=\s*[#\w-]).{0,4000}?\n(?:---|\.\.\.)\n", re.DOTALL)
_TITLE = re.compile(r"(?im)^(?:title|titel|titre|título)[ \t]*:[ \t]*(?P<title>\S.{1,200})$")
_DATE = re.compile(r"(?im)^(?:date|published|issued|created|datum|fecha)\w{0,8}[ \t]*:(?P<date>.{4,60})$")


def front_matter(head: str) -> str:
    """The lines in front of a text, "" where it has none."""
    match = _MATTER.match(head)
    return match[0] if match else ""


def front_title(head: str) -> str:
    """The title given there."""
    match = _TITLE.search(front_matter(head))
    return match["title"].strip(" \t\"'") if match else ""


def front_date(head: str) -> str:
    """The date given there, ISO."""
    match = _DATE.search(front_matter(head))
    return next((found.iso for found in dates(match["date"])), "") if match else ""
