"""Figures of benchmarks as text for people: tables, and what they were measured on."""

from statistics import fmean

from flows.precision_figures import precisions
from flows.show import seconds, size, table
from tasks.runs.ledger import Row

NEEDLE = ("found_exact", "found_index", "answer_given_blocks", "answer", "answer_dense")


def needle(result: Row) -> str:
    """Every cell of the grid in percent, and the means below."""
    head = (
        f"{result['model']} on {result['device']}, {result['text']} text: {result['tokens_read']:,} tokens "
        f"read and asked about in {seconds(result['seconds'])}; percent of questions"
    )
    rows = [[f"{cell['length']:,}", f"{cell['depth']:.0%}", *_percents(cell)] for cell in result["cells"]]
    means = [["mean", "", *_percents(result["summary"])]]
    if to_recall := result["summary"]["to_recall"]:
        means.append(["of those to recall", "", *_percents(to_recall)])
    return "\n".join([head, *table(["length", "depth", *NEEDLE], rows + means), *_indexed(result["cells"])])


def _indexed(cells: list[Row]) -> list[str]:
    """How the index does beside the exact scan, of contexts long enough to have one."""
    if not (long := [cell for cell in cells if cell["indexed"]]):
        return []
    names = ("recall_index", "seconds_index", "seconds_exact", "visited_index", "visited_exact")
    recall, fast, exact, looked, whole = (fmean(cell[name] for cell in long) for name in names)
    return [
        f"the index finds {recall:.1%} of the exact scan's blocks in {1000 * fast:.0f} ms, "
        f"{fast / exact:.1%} of its time; it scores {looked:,.0f} of {whole:,.0f} blocks"
    ]


def _percents(values: Row) -> list[str]:
    return [f"{100 * values[name]:.1f}" if name in values else "-" for name in NEEDLE]


def bench(result: Row) -> str:
    """What `speeds` says, and the bytes of a read in each precision."""
    return "\n".join([*speeds(result), "", *precisions(result["memory"]), f"figure: {result['figure']}"])


def speeds(result: Row) -> list[str]:
    """Hardware and limits, a line for every length, and the published point beside the longest."""
    return [
        *_machine(result),
        f"attention kernel: {_chosen(result['kernel'], result['kernel']['kernel'])}",
        f"norms and MLPs: {_chosen(result['tiles'], _rows_of(result['tiles']['rows']))}",
        *table(*_speeds(result["rows"])),
        *only_asked(result["rows"]),
        *not_run(result["rows"]),
        _published(result["published"]),
    ]


def _machine(result: Row) -> list[str]:
    machine, model, limits = (result[name] for name in ("machine", "model", "limits"))
    accelerator = "" if machine["device"] == "cpu" else f"{machine['device']}; "
    return [
        f"{accelerator}{machine['processor']}, {machine['cores']} cores, {machine['threads']} threads, "
        f"{size(machine['memory'])}; torch {machine['torch']}, transformers {machine['transformers']}; "
        f"{machine['date']}, commit {machine['commit'] or 'unknown'}",
        f"{model['name']} in {model['dtype']}, window {model['window']:,}",
        f"hardware limit, measured first: matrix products fp32 {limits['fp32'] / 1e9:,.1f} and bf16 "
        f"{limits['bf16'] / 1e9:,.1f} GFLOP/s, memory {limits['bytes_per_s'] / 1e9:,.1f} GB/s",
    ]


def _chosen(choice: Row, name: str) -> str:
    times = ", ".join(f"{name} {seconds * 1e3:,.1f} ms" for name, seconds in choice["seconds"].items())
    return f"{name}, {choice['why']}{f' ({times})' if times else ''}"


def _rows_of(tile: int) -> str:
    return f"{tile:,} rows at a time" if tile else "whole"


def scaling(result: Row) -> str:
    """What was measured here beside what was predicted, then the simulated plans and what they assume."""
    machine, assumed = result["machine"], result["assumed"]
    return "\n".join(
        [
            f"{machine['processor']}, {machine['cores']} cores; {machine['date']}, commit "
            f"{machine['commit'] or 'unknown'}; {result['model']['name']}, "
            f"window {result['model']['window']:,}",
            "",
            "different documents, read in parallel:",
            *table(MEASURED.split(","), [_measured(row) for row in result["measured"]]),
            "",
            *(_together(row) for row in result["together"]),
            together(result["rows"]),
            "",
            f"simulated, not measured: GPUs of {assumed['flops_per_s'] / 1e12:,.0f} TFLOP/s of which "
            f"{assumed['share']:.0%} are reached, {assumed['link_bytes_per_s'] / 1e9:,.0f} GB/s to others "
            f"of a node of {assumed['node']}, {assumed['latency_s'] * 1e6:,.0f} us a collective; start-up "
            f"{assumed['start_s']:g} s, jitter {assumed['jitter']:.0%}, "
            f"{assumed['flush_s'] * 1e3:.2g} ms a flush and "
            f"{assumed['keep_s'] * 1e3:.2g} ms a window at the one writer, measured here",
            *table(PLANS.split(","), [_planned(row) for row in result["plans"]]),
        ]
    )


def windows(result: Row) -> str:
    """A line for every width: speed, and what the model understands less."""
    head = (
        f"{result['model']} on {result['machine']['processor']}: {result['length']:,} tokens, windows that "
        "follow the text beside windows of one width (0)"
    )
    names = ["least past", "mean past", "tokens/s", "beside one width", "nats a token", "lost"]
    return "\n".join([head, *table(names, [_window(row) for row in result["rows"]])])


def _window(row: Row) -> list[str]:
    speed = [f"{row['past']:,.0f}", f"{row['tokens_per_s']:,.0f}", f"{row['ratio']:.2f} x"]
    return [str(row["least"]), *speed, f"{row['nats']:.3f}", f"{row['nats_lost']:+.4f}"]


MEASURED = "workers,threads each,tokens/s,beside 1 worker,seconds,predicted,error,start-up"
PLANS = "tokens,GPUs,segments,GPUs to a chunk,time,efficiency,limited by"


def _measured(row: Row) -> list[str]:
    times = [f"{row['ratio']:.2f} x", seconds(row["seconds"]), seconds(row["predicted_s"])]
    rate = f"{row['tokens_per_s']:,.0f}"
    return [
        str(row["workers"]),
        str(row["threads"]),
        rate,
        *times,
        f"{row['error']:+.0%}",
        seconds(row["start_s"]),
    ]


def _together(row: Row) -> str:
    return (
        f"{row['tokens']:,} tokens read by {row['ranks']} ranks that share every chunk, split over "
        f"{row['way']}: {row['bytes']:,} bytes sent, {row['formula_bytes']:,} predicted; "
        f"{seconds(row['seconds'])}, {seconds(row['predicted_s'])} predicted ({row['error']:+.0%})"
    )


def together(row: Row) -> str:
    """Segments as rows of a batch, beside one at a time."""
    return (
        f"{row['rows']} segments of a document as rows of one batch: {row['tokens_per_s']:,.0f} tokens/s, "
        f"{row['ratio']:.2f} x as fast as one at a time"
    )


def _planned(row: Row) -> list[str]:
    cut = [f"{row['tokens']:,}", str(row["devices"]), str(row["segments"]), str(row["sequence_parallel"])]
    return [*cut, seconds(row["seconds"]), f"{row['efficiency']:.0%}", row["limited_by"]]


READERS = {"": "nightread", "context_": "context", "sdpa_": "sdpa", "llama_cpp_": "llama.cpp"}
"""Prefix of each reader's figures in a row, and its name."""


def _speeds(rows: list[Row]) -> tuple[list[str], list[list[str]]]:
    """A line for every reader at every length. The share of the limit is the model FLOP utilisation."""
    header = "length,reader,tokens/s,seconds,limit GFLOP/s,share of limit,nightread,beyond weights,resident"
    lines = [
        _speed(row, prefix, name)
        for row in rows
        for prefix, name in READERS.items()
        if f"{prefix}seconds" in row
    ]
    return [*header.split(","), "cache"], lines


def _speed(row: Row, prefix: str, name: str) -> list[str]:
    of = {key.removeprefix(prefix): value for key, value in row.items() if key.startswith(prefix)}
    return [
        f"{row['length']:,}",
        name,
        f"{of['tokens_per_s']:,.0f}",
        f"{of['seconds']:,.1f}",
        f"{of['limit'] / 1e9:,.1f}",
        f"{of['share_of_limit']:.1%}",
        f"{row[f'ratio_to_{prefix[:-1]}']:.2f} x as fast" if prefix else "",
        size(of["rise"]),
        size(of["peak_rss"]),
        size(of["cache_bytes"]),
    ]


def only_asked(rows: list[Row]) -> list[str]:
    """How a context does beside dense attention."""
    return [
        f"{row['length']:,} tokens, only read to be asked about (context): {ratio:.2f} x as fast as sdpa"
        for row in rows
        if (ratio := row.get("context_ratio_to_sdpa"))
    ]


def not_run(rows: list[Row]) -> list[str]:
    return [
        f"{row['length']:,} tokens, {name}: not run: {why}"
        for row in rows
        for prefix, name in READERS.items()
        if prefix and (why := row.get(f"{prefix}not_run"))
    ]


def locomo(result: Row) -> str:
    """Evidence recall in percent at every cut, ours beside BM25's, of all questions and by category."""
    cuts = list(result["recall"])
    rows = {"all": result, **result["by_category"], "all, corrected gold": result["corrected"]}
    lines = [
        [name, str(row["questions"]), *(_beside(row, cut) for cut in cuts)] for name, row in rows.items()
    ]
    least = ", ".join(f"{100 * gain:+.1f} at {cut}" for cut, gain in result["least_gain"].items())
    return "\n".join(
        [
            "evidence turns among those recalled, percent with standard errors; BM25's after the slash",
            *table(["", "questions", *(f"at {cut}" for cut in cuts)], lines),
            f"above BM25 on the weakest half of the conversations: {least}",
            _parts(result["seconds"]),
        ]
    )


def cuad(result: Row) -> str:
    """Clauses found within the budget in percent, ours beside BM25's, by name and by description."""
    rows = {"by name": result, "by description": result["described"]}
    lines = [
        [name, str(row["spans"]), _beside(row), f"{row['ratio']:.2f} x", f"{100 * row['filled_floor']:.1f}"]
        for name, row in rows.items()
    ]
    return "\n".join(
        [
            "marked clauses overlapped by five citations of at most 1,500 characters, percent with standard "
            "errors; BM25 over windows of 200 words after the slash",
            *table(["asked", "clauses", "found", "beside BM25", "BM25, last window cut to fit"], lines),
            _parts(result["seconds"]),
        ]
    )


def _parts(spent: Row) -> str:
    """Such as "a question takes 31 ms: embed 20, search 9, rank 2"."""
    parts = ", ".join(f"{part} {1000 * one:,.1f}" for part, one in spent.items())
    return f"a question takes {1000 * sum(spent.values()):,.0f} ms: {parts}"


def _beside(row: Row, cut: str | None = None) -> str:
    """Such as "45.2 +- 1.3 / 40.1 +- 1.4"."""
    some = [row[name] if cut is None else row[name][cut] for name in ("recall", "recall_error")]
    floor = [row[name] if cut is None else row[name][cut] for name in ("floor", "floor_error")]
    return " / ".join(f"{100 * share:.1f} +- {100 * error:.1f}" for share, error in (some, floor))


def reports(result: Row) -> str:
    """ROUGE of ours, of the lead baseline, and the paired difference with its error, in percent."""
    lines = [[name, *_paired(result[name])] for name in ("rouge1", "rouge2", "rougeL")]
    return "\n".join(
        [
            f"summaries of {result['reports']} reports at the length of the reference ones, F1 in percent; "
            f"{result['verbatim']:.1%} of their sentences are verbatim",
            *table(["", "ours", "lead", "difference"], lines),
        ]
    )


def which(result: Row) -> str:
    """Mean reciprocal rank of the own document, by our summaries and by the lead, in percent."""
    lines = [
        [path, str(row["documents"]), str(row["words"]), asked, *_paired(ranks)]
        for path, row in result["by_path"].items()
        for asked, ranks in row["mrr"].items()
    ]
    head = "parts of documents asked of summaries alone: mean reciprocal rank of their own, in percent"
    names = ["", "documents", "words", "asked", "ours", "lead", "difference"]
    return "\n".join([head, *table(names, lines)])


def _paired(row: Row) -> list[str]:
    error = f"{100 * row['difference']:+.1f} +- {100 * row['error']:.1f}"
    return [f"{100 * row['ours']:.1f}", f"{100 * row['lead']:.1f}", error]


def asked(result: Row) -> str:
    """A table for every trial: what became of the questions, in percent with standard errors, by kind."""
    return "\n\n".join(
        "\n".join([f"{name}, {trial['seconds']:.2f} s a question", *table(ASKED.split(","), _trial(trial))])
        for name, trial in result.items()
        if name != "data"
    )


ASKED = "questions,read,answered,by the first claim,wrong,not found,never read,not found,false answers"


def _trial(trial: Row) -> list[list[str]]:
    rows = {"all": trial, **trial["by_kind"]}
    return [
        [name, *_became(row["read"], "answered", "answered_first", "wrong", "not_found"),
         *_became(row["never_read"], "not_found", "false_answers")]
        for name, row in rows.items()
    ]  # fmt: skip


def _became(row: Row, *names: str) -> list[str]:
    shares = (f"{100 * row[name][0]:.1f} +- {100 * row[name][1]:.1f}" for name in names)
    return [f"{row['questions']}", *(shares if row["questions"] else ["-"] * len(names))]


def calibrated(found: Row) -> str:
    """Heads, and how well they did."""
    heads = ", ".join(f"{layer}.{head}" for layer, head in found["heads"])
    return (
        f"heads (layer.head): {heads}\n"
        f"for {found['rank_first']:.0%} of {found['questions']} questions the right block of "
        f"{found['tokens']:,} tokens is first; it has {found['margin']} times the votes of the next one\n"
        f"{_reranking(found['rerank'])}\n"
        f"written to {found['file']}"
    )


def _reranking(found: Row | None) -> str:
    if found is None:
        return "no heads for re-ranking: the model wrote too few questions about passages"
    heads = ", ".join(f"{layer}.{head}" for layer, head in found["heads"])
    return (
        f"heads for re-ranking: {heads}\n"
        f"for {found['rank_first']:.0%} of {found['questions']} questions the passage they were made from is "
        f"first of {found['passages']}"
    )


def _published(found: Row) -> str:
    return (
        f"tokens read per FLOP the hardware could have done: {found['ours']:.2g} at {found['length']:,} "
        f"tokens, {found['ratio']:,.0f} times the published figure of 256 A100 (312 TFLOP/s each) that read "
        "10M tokens in 3 minutes with another, larger model"
    )


def large_memory(result: Row) -> str:
    """How a memory of made records grew, what it takes, and how fast and well it answers."""
    filled, answers, disk = result["ingest"], result["answers"], result["disk"]
    kinds = {"hybrid": "all of it", "by_document": "one document", "by_date": "one month"}
    parts = list(answers["hybrid"])
    asked = [[name, *(_spread(answers[kind][part]) for part in parts)] for kind, name in kinds.items()]
    nearest = [
        [
            column,
            where,
            f"{100 * of['recall']:.1f} +- {100 * of['error']:.1f}",
            *map(_spread, of["seconds"].values()),
        ]
        for where, found in (("index", answers["index"]), ("memory", answers["kept"]))
        for column, of in found.items()
    ]
    runs = [[f"{one['records']:,}", f"{one['stage']:.1f}", f"{one['publish']:.1f}"] for one in filled["runs"]]
    return "\n".join(
        [
            f"{result['processor']}, {result['cores']} cores, load {result['load']:.1f}; records mixed from "
            f"{result['real']:,} real passages and their vectors",
            f"{filled['records']:,} records of {filled['documents']:,} documents in "
            f"{seconds(filled['seconds'])}: {filled['records'] / filled['seconds']:,.0f} a second; upkeep "
            f"{seconds(result['upkeep'])}",
            f"disk {size(disk['published'])} with every version, {size(disk['tidied'])} after upkeep; peak "
            f"memory {size(filled['rss'])} to fill it, {size(answers['rss'])} to ask it",
            *table(["published", "staged, s", "published, s"], runs),
            f"first question with no page in memory: {seconds(answers['cold']['seconds'])}",
            "a question, ms, median / 95th percentile; processor counts all threads:",
            *table(["asked of", *parts], asked),
            "the ten nearest by the index and in memory, percent of those by the exact scan, and ms of both:",
            *table(["vector", "by", "found", "took", "exact scan"], nearest),
        ]
    )


def _spread(of: Row) -> str:
    return f"{1000 * of['p50']:,.1f} / {1000 * of['p95']:,.1f}"
