"""Figures as PNG files, drawn without a display.

The idea: a figure is a function of numbers that stand in the JSON beside it; nothing is computed here.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Grid = Sequence[Sequence[float]]
"""Rows of shares from 0 to 1."""


def _figure(width: float, height: float, title: str) -> Any:
    """An empty figure, in inches, that needs no display."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title.replace("$", r"\$"), fontsize=10)
    return figure


def _save(figure: Any, path: Path) -> None:
    figure.savefig(path, dpi=150, format="png", metadata={"Software": None})


def heat_maps(
    path: Path, panels: Mapping[str, Grid], columns: Sequence[str], rows: Sequence[str], title: str
) -> None:
    """One map for each panel, lengths from left to right and depths from top to bottom, all on one scale.

    Args:
        panels: title of each map, and its shares, one row for each depth.
        columns: what the lengths are called.
        rows: what the depths are called.

    Raises:
        OSError: if `path` cannot be written.
    """
    figure = _figure(1.6 + len(panels) * (1.2 + 0.55 * len(columns)), 1.8 + 0.32 * len(rows), title)
    every = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, (name, shares) in zip(every, panels.items(), strict=True):
        image = _heat_map(axes, name, shares, columns)
    every[0].set_yticks(range(len(rows)), rows)
    every[0].set_ylabel("depth of the needle")
    figure.colorbar(image, ax=every, label="share of questions")
    _save(figure, path)


def _heat_map(axes: Any, name: str, shares: Grid, columns: Sequence[str]) -> Any:
    image = axes.imshow(shares, vmin=0, vmax=1, cmap="YlGn", aspect="auto")
    axes.set_title(name, fontsize=10)
    axes.set_xticks(range(len(columns)), columns, rotation=45, ha="right")
    axes.set_xlabel("tokens")
    for row, values in enumerate(shares):
        for column, share in enumerate(values):
            axes.text(column, row, f"{100 * share:.0f}", ha="center", va="center", fontsize=7)
    return image


def speed_and_memory(
    path: Path, rows: Sequence[Mapping[str, Any]], peers: Mapping[str, str], title: str
) -> None:
    """Tokens per second and memory against length, each reader a line, with the machine's limit for ours.

    Args:
        rows: of `model.bench.measure.measure`; a peer that was not run has no point there.
        peers: key of each peer in the rows, and what it is called.

    Raises:
        OSError: if `path` cannot be written.
    """
    figure = _figure(10, 4.2, title)
    speed, memory = figure.subplots(1, 2)
    lengths = [row["length"] for row in rows]
    at_limit = [row["length"] * row["limit"] / row["flops"] for row in rows]
    speed.plot(lengths, at_limit, "--", color="grey", label="the machine's limit for nightread")
    for prefix, name in {"": "nightread", **{f"{key}_": name for key, name in peers.items()}}.items():
        run = [row for row in rows if f"{prefix}seconds" in row]
        for axes, quantity, scale in ((speed, "tokens_per_s", 1.0), (memory, "rise", 2.0**20)):
            values = [row[prefix + quantity] / scale for row in run]
            axes.plot([row["length"] for row in run], values, "o-", label=name)
    _by_length(speed, lengths, "tokens", "tokens per second")
    speed.set_yscale("log")
    speed.legend(fontsize=8, frameon=False)
    _by_length(memory, lengths, "tokens", "peak memory beyond the weights, MiB")
    memory.set_yscale("log")
    memory.legend(fontsize=8, frameon=False)
    _save(figure, path)


def million_tokens(path: Path, result: Mapping[str, Any]) -> None:
    """Four panels of one long read: speed, memory, both searches, and what was found at every depth.

    Args:
        result: of `tasks.bench.million.run.million`.

    Raises:
        OSError: if `path` cannot be written.
    """
    machine, title = result["machine"], f"{result['model']}: one context of {result['tokens']:,} tokens"
    figure = _figure(
        11, 7, f"{title}, {machine['processor']}, {machine['threads']} threads, {machine['date']}"
    )
    (speed, memory), (searches, depths) = figure.subplots(2, 2)
    _along(speed, memory, result)
    asked = [*result["on_the_way"], *({"tokens": result["tokens"], **row} for row in result["by_depth"][-1:])]
    at = [row["tokens"] / 1e6 for row in asked]
    for name, label in (("exact_s", "exact scan"), ("index_s", "index")):
        searches.plot(at, [1000 * row[name] for row in asked], "o-", label=label)
    searches.set_yscale("log")
    _panel(searches, "million tokens read", "milliseconds a search", legend=True)
    _by_depth(depths, result)
    _save(figure, path)


FOUND = {
    "found_exact": "found by the exact scan",
    "found_index": "found by the index",
    "answered": "answered",
}
"""What came of questions, as lines and bars are called."""


def headline_figure(path: Path, result: Mapping[str, Any]) -> None:
    """Six panels: speed beside dense attention, of the long read, its memory, what decays, what was found.

    Args:
        result: of `tasks.bench.headline.run.headline`.

    Raises:
        OSError: if `path` cannot be written.
    """
    machine, long = result["machine"], result["million"]
    where = machine["processor"] if machine["device"] == "cpu" else machine["device"]
    title = f"{result['model']}: {long['tokens']:,} tokens as one context, {where}, {machine['date']}"
    figure = _figure(15, 7.5, title)
    (speed, along, memory), (found, behind, depths) = figure.subplots(2, 3)
    rows = result["speed"]["rows"]
    for prefix, name in {"": "nightread", "context_": "context", "sdpa_": "dense attention"}.items():
        run = [row for row in rows if f"{prefix}seconds" in row]
        rates = [row[f"{prefix}tokens_per_s"] for row in run]
        speed.plot([row["length"] for row in run], rates, "o-", label=name if run else None)
    if together := result["rows"]:
        speed.axhline(together["tokens_per_s"], ls="--", color="grey", label=f"{together['rows']} rows")
    _by_length(speed, [row["length"] for row in rows], "tokens", "tokens per second")
    speed.set_yscale("log")
    speed.legend(fontsize=8, frameon=False)
    _along(along, memory, long)
    asked = [row for row in result["decay"] if "questions" in row]
    for name, label in FOUND.items():
        found.plot(
            [row["tokens"] / 1e6 for row in asked], [100 * row[name] for row in asked], "o-", label=label
        )
    _panel(found, "million tokens read", "percent of questions", legend=True)
    found.set_ylim(0, 105)
    nats = [(row["tokens"], row["nats"]) for row in result["decay"] if "nats" in row]
    behind.plot(*zip(*nats, strict=True), "o-", color="grey")
    behind.set_xscale("log")
    _panel(behind, "tokens read", "nats a token of a passage")
    behind.set_ylim(0, 1.2 * max(value for _, value in nats))
    _by_depth(depths, long)
    _save(figure, path)


def _along(speed: Any, memory: Any, result: Mapping[str, Any]) -> None:
    """Speed and memory of a long read on its way."""
    along = result["stretches"]
    read = [row["tokens"] / 1e6 for row in along]
    speed.plot(read, [row["tokens_per_s"] for row in along], "o-")
    _panel(speed, "million tokens read", "tokens per second")
    memory.plot(read, [row["rss"] / 2**30 for row in along], "o-", label="resident memory")
    memory.plot(read, [row["disk"] / 2**30 for row in along], "s--", label="on disk")
    _panel(memory, "million tokens read", "GiB", legend=True)


def _by_depth(axes: Any, result: Mapping[str, Any]) -> None:
    """What was found of a long text's needles at its end, at every depth."""
    rows = [row for row in result["by_depth"] if row["depth"] is not None]
    for shift, (name, label) in enumerate(FOUND.items()):
        where = [100 * row["depth"] + 2.5 * (shift - 1) for row in rows]
        axes.bar(where, [100 * row[name] for row in rows], width=2.3, label=label)
    _panel(axes, "depth of the needle, percent of the text", "percent of questions", legend=True)
    axes.set_ylim(0, 130)  # room for the legend
    axes.set_yticks(range(0, 101, 20))


def _panel(axes: Any, across: str, up: str, legend: bool = False) -> None:
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    if axes.get_yscale() == "linear":
        axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    if legend:
        axes.legend(fontsize=8, frameon=False)


def _by_length(axes: Any, lengths: Sequence[int], across: str, quantity: str) -> None:
    axes.set_xscale("log", base=2)
    axes.set_xticks(lengths, [f"{length:,}" for length in lengths])
    axes.set_xlabel(across)
    axes.set_title(quantity, fontsize=10)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def growth_lines(
    path: Path,
    lengths: Sequence[int],
    shares: Mapping[str, Sequence[float]],
    nats: Sequence[float],
    title: str,
) -> None:
    """Shares and the likelihood of a passage against the length of one context.

    Args:
        shares: what each line is called, and its share at every length.
        nats: mean negative log-likelihood of a token of the passage at every length.

    Raises:
        OSError: if `path` cannot be written.
    """
    figure = _figure(10, 4.2, title)
    found, predicted = figure.subplots(1, 2)
    for name, values in shares.items():
        found.plot(lengths, values, "o-", label=name)
    found.set_ylim(-0.02, 1.02)
    predicted.plot(lengths, nats, "o-", color="grey")
    for axes, quantity in ((found, "share of the first length's needles"), (predicted, "nats a token")):
        _by_length(axes, lengths, "tokens read", quantity)
    found.legend(fontsize=8, frameon=False)
    _save(figure, path)
