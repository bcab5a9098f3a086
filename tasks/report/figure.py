"""The figure of a report: which documents were long."""

import io
import warnings
from collections.abc import Sequence
from typing import Any

LONGEST_BARS = 20
"""Documents in the figure."""
_LONGEST_NAME = 44


def figure(table: Sequence[dict[str, Any]]) -> str:
    """Tokens of the longest documents read now, as inline SVG; nothing unless several were read."""
    read = sorted((row for row in table if row["tokens"]), key=lambda row: -row["tokens"])[:LONGEST_BARS]
    if len(read) < 2:
        return ""
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(8, 0.5 + 0.26 * len(read)), layout="constrained")
    FigureCanvasSVG(drawn)
    axes = drawn.add_subplot()
    names = [_shortened(row["title"] or row["source"]).replace("$", r"\$") for row in read]
    axes.barh(range(len(read)), [row["tokens"] for row in read], color="#3b6ea5")
    axes.set_yticks(range(len(read)), names, fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("tokens read")
    axes.spines[["top", "right"]].set_visible(False)
    buffer = io.StringIO()
    # ids inside the SVG: the same page for the same run; names as text: a reader has fonts for any script
    with rc_context({"svg.hashsalt": "nightread", "svg.fonttype": "none"}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        drawn.savefig(buffer, format="svg", metadata={"Date": None})
    svg = buffer.getvalue()
    return svg[svg.index("<svg") :]


def _shortened(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 3]}..."
