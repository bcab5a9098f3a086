"""Presentations (pptx) with python-pptx: slides in order, each with title, tables, charts and notes.

Hidden slides, pictures and films are left out and counted.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lxml import etree
from pptx import Presentation
from pptx.enum.shapes import MSO_SHAPE_TYPE
from pptx.exc import InvalidXmlError

from tasks.errors import BadDocument
from tasks.ingest.parse.base import Item, Omitted, cut, told
from tasks.ingest.parse.formats.pptx_text import paragraphs, text_of
from tasks.ingest.parse.formats.tables.cells import number_text
from tasks.ingest.parse.formats.tables.merged import Merged, Merger
from tasks.ingest.parse.formats.tables.rows import Row, table_lines
from tasks.ingest.parse.zips import opened
from tasks.settings import ParseConfig

_ROW = 914_400 // 4
"""Shapes whose tops are as near as a quarter of an inch (in EMU) stand beside each other."""
_MOST_VALUES = 200
"""Values of a chart."""
_COUNTED = {
    MSO_SHAPE_TYPE.PICTURE: "image",
    MSO_SHAPE_TYPE.LINKED_PICTURE: "image",
    MSO_SHAPE_TYPE.MEDIA: "sound or film",
    MSO_SHAPE_TYPE.EMBEDDED_OLE_OBJECT: "embedded file",
    MSO_SHAPE_TYPE.LINKED_OLE_OBJECT: "embedded file",
}


def parse(path: Path, config: ParseConfig) -> Iterator[Item]:
    """A place for each slide that is shown; slides are numbered as the presentation numbers them."""
    with opened(path, "pptx") as archive:
        try:
            slides = Presentation(str(path)).slides
            for number, slide in enumerate(slides, 1):
                if slide._element.get("show") in ("0", "false"):
                    yield Omitted("hidden slide", where=f"slide {number}")
                else:
                    yield from _slide(slide, number)
        except (AttributeError, ValueError, InvalidXmlError) as error:
            reason = f"not a readable pptx: {told(error)}"
            raise BadDocument("corrupt", reason) from error
        macros = any(name.endswith("vbaProject.bin") for name in archive.namelist())
    if macros:
        yield Omitted("macro")


def _slide(slide: Any, number: int) -> Iterator[Item]:
    title = slide.shapes.title
    named = " ".join(title.text_frame.text.split()) if title is not None else ""
    lines = [f"{'##' if number > 1 else '#'} {named}", ""] if named else []
    omitted: list[Omitted] = []
    for shape in _ordered(slide.shapes):
        if title is None or shape.shape_id != title.shape_id:
            block = [one for one in _shape(shape, f"slide {number}", omitted) if one.strip()]
            lines += [*block, ""] if block else []
    frame = slide.notes_slide.notes_text_frame if slide.has_notes_slide else None
    if said := " ".join(frame.text.split()) if frame is not None else "":
        lines += [f"Notes: {said}", ""]
    lines += _comments(slide)
    if lines:
        yield from cut("\n".join(lines) + "\n", "slide", number)
    yield from omitted


def _ordered(shapes: Any) -> Iterator[Any]:
    """Shapes as they are read, from top to bottom and from left to right, groups taken apart."""
    held = sorted(shapes, key=lambda one: ((one.top or 0) // _ROW, one.left or 0))
    stack = [iter(held)]
    while stack:
        shape = next(stack[-1], None)
        if shape is None:
            stack.pop()
        elif shape.shape_type == MSO_SHAPE_TYPE.GROUP:
            stack.append(iter(sorted(shape.shapes, key=lambda one: ((one.top or 0) // _ROW, one.left or 0))))
        else:
            yield shape


def _shape(shape: Any, where: str, omitted: list[Omitted]) -> Iterator[str]:
    """Lines of a shape; what of it has no text is added to `omitted`."""
    if kind := _COUNTED.get(shape.shape_type):
        omitted.append(Omitted(kind, where=where))
    if shape._element.xpath("./*/p:cNvPr[@hidden='1' or @hidden='true']"):
        omitted.append(Omitted("hidden shape", where=where))
    elif getattr(shape, "has_table", False) and shape.has_table:
        yield from (line for _, line in table_lines(_rows(shape.table)))
    elif getattr(shape, "has_chart", False) and shape.has_chart:
        yield from _chart(shape.chart)
    elif shape.has_text_frame and not _runs_along(shape):
        yield from paragraphs(shape.text_frame)
    elif diagram := shape._element.xpath(".//*[local-name()='relIds']/@*[local-name()='dm']"):
        root = etree.fromstring(
            shape.part.related_part(diagram[0]).blob, etree.XMLParser(resolve_entities=False)
        )
        for point in root.iter("{*}pt"):
            said = " ".join(
                "".join(one.text or "" for one in line.iter("{*}t")) for line in point.iter("{*}p")
            )
            yield f"- {' '.join(said.split())}" if said.strip() else ""


def _runs_along(shape: Any) -> bool:
    """Whether it is the date, the footer or the number of the slide."""
    return bool(shape._element.xpath(".//p:nvPr/p:ph[@type='dt' or @type='ftr' or @type='sldNum']"))


def _rows(table: Any) -> Iterator[Row]:
    """Rows of a table; what is merged stands in each row that it reaches into."""
    merger = Merger()
    for number, row in enumerate(table.rows, 1):
        cells, begin = dict[int, str](), list[Merged]()
        for column, cell in enumerate(row.cells, 1):
            frame = cell.text_frame
            cells[column] = " ".join(" ".join(text_of(one._p) for one in frame.paragraphs).split())
            if cell.is_merge_origin:
                bottom, right = number + cell.span_height - 1, column + cell.span_width - 1
                begin.append(Merged(number, column, bottom, right))
        yield merger.row(number, cells, begin)


def _chart(chart: Any) -> Iterator[str]:
    """Title and values of a chart, a line for each of its categories."""
    title = chart.chart_title.text_frame.text if chart.has_title and chart.chart_title.has_text_frame else ""
    yield " ".join(f"Chart: {title}".split()).rstrip(":")
    left = _MOST_VALUES
    for plot in chart.plots:
        categories = [str(one) for one in plot.categories]
        series = [(str(one.name or ""), list(one.values)) for one in plot.series]
        for at, category in enumerate(categories[: left // max(1, len(series))]):
            cells = [
                f"{name}: {number_text(float(values[at]), 'General')}"
                for name, values in series
                if at < len(values) and values[at] is not None
            ]
            left -= len(cells)
            if cells:
                yield f"- {category}: {'; '.join(cells)}."


def _comments(slide: Any) -> Iterator[str]:
    for relation in slide.part.rels.values():
        if re.search(r"/comments$", relation.reltype) and not relation.is_external:
            root = etree.fromstring(relation.target_part.blob, etree.XMLParser(resolve_entities=False))
            for comment in root.iter("{*}cm"):
                said = " ".join("".join(one.text or "" for one in comment.iter("{*}text", "{*}t")).split())
                if said:
                    yield f"Comment: {said}"
