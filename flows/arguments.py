"""What may be typed: every command, its options, their help and an example of each.

The idea: an option is called as the parameter of the function in flows/commands.py that it reaches, so that
nothing stands between the two.
"""

import argparse
from collections.abc import Callable
from typing import Any

from flows import (
    correcting,
    evaluating,
    headline,
    ingesting,
    letting,
    loading,
    looking,
    million,
    serving,
    tend,
    tuning,
    versions,
    watching,
)
from flows.deployments import commands as deployments
from flows.reranking import HELP as RERANK_HELP
from tasks.text.labels import LABELS

# tasks.schema.LEVELS without its Arrow import: --help answers at once
LEVELS = ("passage", "window", "section", "document", "corpus")
COMMON = ("command", "conf", "json", "debug")
"""Options of every command; the others are parameters of its function."""

EPILOG = """\
Settings: any command takes key=value, such as infer.summary_words=300 or home=/data/memory; conf/base.yaml
lists every key. A file whose name looks like one is written ./key=value.txt, or placed after --.

Exit codes: 0 done, 1 failed, 2 the input cannot be used, 3 done but some documents went to quarantine,
130 interrupted (the same command resumes).
"""

Add = Callable[..., argparse.ArgumentParser]


class _Help(argparse.HelpFormatter):
    """Fills paragraphs, keeps them apart, and leaves indented ones (examples) as they are."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        paragraphs = text.strip("\n").split("\n\n")
        fill = super()._fill_text
        return "\n\n".join(
            part if part.startswith("  ") else fill(part.strip(), width, indent) for part in paragraphs
        )


class _Parser(argparse.ArgumentParser):
    """Ends the help with examples and common remarks, and accepts whole options only."""

    def __init__(self, examples: str = "", **options: Any) -> None:
        shown = "".join(f"  $ nightread {line}\n" for line in examples.splitlines())
        epilog = f"Examples:\n\n{shown}\n{EPILOG}" if examples else EPILOG
        super().__init__(**options, epilog=epilog, formatter_class=_Help, allow_abbrev=False)


def parser() -> argparse.ArgumentParser:
    """The whole command line, without the key=value settings (see `flows.cli.split`)."""
    top = _Parser(
        prog="nightread",
        description="Read corpora far larger than a language model's context, remember what was read, "
        "and recall it with citations to the character.",
        examples="read ~/papers\nrecall who may terminate the agreement",
    )
    common = _Parser(add_help=False)
    common.add_argument(
        "--conf",
        default="laptop",
        metavar="PRESET",
        help="a preset of conf/, or a YAML file (default: laptop)",
    )
    common.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    common.add_argument("--debug", action="store_true", help="show where an error came from")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, text: str, examples: str, more: str = "") -> argparse.ArgumentParser:
        about = f"{text[0].upper()}{text[1:]}. {more}".strip()
        return commands.add_parser(name, help=text, description=about, parents=[common], examples=examples)

    _reading(add)
    watching.arguments(add)
    _asking(add)
    versions.arguments(add)
    correcting.arguments(add)
    tend.arguments(add)
    evaluating.arguments(add)
    _calibrating(add)
    tuning.arguments(add)
    _benching(add)
    return top


URI_HELP = "a folder, a file, a glob in quotes, s3://bucket/prefix, or sample: (text this machine has)"


def _reading(add: Add) -> None:
    read = add(
        "read",
        "read a corpus into memory",
        'read ~/papers\nread "notes/**/*.md" s3://bucket/prefix home=/data/memory',
        "What has been read before and has not changed is not read again; an interrupted read continues.",
    )
    read.add_argument("uris", nargs="+", metavar="URI", help=URI_HELP)
    read.add_argument(
        "--yes",
        action="store_true",
        help="retire what is gone even where it is more than half of what memory holds under these URIs",
    )
    plan = add(
        "plan",
        "show what a read would do and cost",
        "plan ~/papers",
        "Nothing is read by the model and nothing is remembered.",
    )
    plan.add_argument("uris", nargs="+", metavar="URI", help=URI_HELP)
    held = add(
        "quarantine",
        "list the documents that could not be read, or try them again",
        "quarantine\nquarantine retry",
        "A retry reads again the corpora that they were found in: what has not changed costs nothing.",
    )
    held.add_argument("action", nargs="?", choices=("list", "retry"), default="list", help="default: list")
    serving.arguments(add)
    deployments.arguments(add, URI_HELP)
    letting.arguments(add)


def _asking(add: Add) -> None:
    ask = add(
        "recall",
        "ask the memory",
        "recall who pays rent\nrecall -k 3 --level document --as-of 2026-08-01T00:00:00 who pays rent\n"
        "recall --document lease.pdf --date 2024-03 --explain who pays rent",
        "Prints what was remembered, each with verbatim quotes and their place.",
    )
    ask.add_argument("question", nargs="+", metavar="WORD", help="the question in plain words")
    ask.add_argument("-k", type=int, metavar="N", help="records returned (default: recall.k)")
    ask.add_argument("--level", choices=LEVELS, help="only records of this level (default: all)")
    ask.add_argument("--document", metavar="URI", help="only this source, folder or glob")
    ask.add_argument(
        "--date", metavar="DATE", help="only what is of this day, month or year, such as 2024-03"
    )
    ask.add_argument("--entity", metavar="NAME", help="only what names this person, place or company")
    ask.add_argument("--label", metavar="LABEL", help=f"only what has this label: {', '.join(LABELS)}")
    ask.add_argument("--without-label", metavar="LABEL", help="only what has not, such as instructions")
    ask.add_argument("--as-of", metavar="WHEN", help="the memory as it was: a run id, or an ISO time")
    ask.add_argument("--explain", action="store_true", help="why each record came, and what took how long")
    ask.add_argument("--rerank", action="store_true", help=RERANK_HELP)
    answer = add(
        "ask",
        "answer a question from what was read, or say that nothing there does",
        'ask "Who pays the rent?"\nask --document lease.txt -k 1 how long is the notice period\n'
        'ask --memory diary --explain "When does the tuner come?"',
        "An answer is verbatim: the sentences that answer, each with the places that hold it, and every "
        "place is checked against the stored text. Sources that disagree are shown side by side. Where "
        "nothing answers, the nearest passages are shown.",
    )
    answer.add_argument("question", nargs="+", metavar="WORD", help="the question in plain words")
    answer.add_argument("-k", type=int, metavar="N", help="claims at most (default: 5)")
    answer.add_argument("--document", metavar="URI", help="only this source, folder or glob")
    answer.add_argument(
        "--memory",
        metavar="KEY",
        help="a session (see the command session): what was said in it answers too, and the question "
        "becomes a round of it",
    )
    answer.add_argument("--new", action="store_true", help="begin the session where there is none")
    answer.add_argument(
        "--explain", action="store_true", help="how much each level of the session's memory counted"
    )
    _keeping(add)
    looking.arguments(add)


SESSION_HELP = """\
A session is a dialogue, or a reader that lives for long, with a key; its rounds are numbered and kept.
list: all of them. show: its newest rounds. add: a round, of the words behind the key or of what is piped in.
copy KEY NEW, export KEY FILE, import KEY FILE: as a whole, in JSONL, a round a line. forget: with all that is
kept of it. `ask --memory KEY` asks a session. What the engine saves for generate(memory_key=KEY) is part of
it, if its config.memory_folder is the folder sessions under home.
"""


def _keeping(add: Add) -> None:
    kept = add(
        "session",
        "keep dialogues: list, show, add, copy, export, import, forget",
        'session add diary "We moved the piano into the hall." --speaker Ann\n'
        "session show diary --last 5\nsession export diary diary.jsonl",
        SESSION_HELP,
    )
    actions = ("list", "show", "add", "copy", "export", "import", "forget")
    kept.add_argument("action", nargs="?", choices=actions, default="list", help="default: list")
    kept.add_argument("key", nargs="?", default="", metavar="KEY", help="of the session: a plain name")
    kept.add_argument("words", nargs="*", metavar="WORD", help="the text, the new key or the file")
    kept.add_argument(
        "--speaker", default="you", metavar="NAME", help="who says what is added (default: you)"
    )
    kept.add_argument("--time", metavar="WHEN", help="ISO time of what is added (default: now)")
    kept.add_argument("--last", type=int, metavar="N", help="rounds that are shown (default: 20)")
    kept.add_argument("--yes", action="store_true", help="forget it")


CALIBRATE_HELP = """\
Facts are hidden in a text, asked for, and the attention heads that find them are written beside the model, in
nightread-heads.json. So are those that tell which of twelve passages a question is about; the model writes
these questions itself. Needed once for every model but the default one, whose heads come with Nightread.
"""

BENCH_HELP = """\
Natural text that never repeats is read at every length, in turns with the peers: the same engine where a text
is only read to be asked about (context), which runs no layer above the calibrated heads; transformers' own
dense attention with the same weights (sdpa); and llama.cpp where llama-cpp-python is installed. The limit
is the rate of matrix products, measured between the turns. Short lengths are read three times; medians are
shown.

A peer that would take more than 20 minutes or more memory than is free is not run; nothing is extrapolated.

A table says what reading the longest text takes in each precision (infer.precision), computed from the
shapes of this model and of one of 8 billion weights: weights, window, one layer's activations, two heads'
keys with their index, and all keys and values for a context that keeps them.
"""

WINDOWS_HELP = """\
The longest of the texts is read with windows of one width, and with windows that follow it: a chunk attends
only as much of the past as holds what it repeats. Both are read in turns, chunk by chunk; printed are the
speed of both and how surprising the text is to the model, which says what it understands less.
"""

SCALING_HELP = """\
The same documents are read by one reader process with all threads and by several with their share, in turns,
and one text by several processes that share every chunk. A simulator predicts the seconds of each from the
pace of one process, and the bytes they exchange from a formula; both stand beside what was measured.

It then prints, for 1 to 256 GPUs and 10 million to 1 billion tokens: into how many segments the text is cut,
how many GPUs share a chunk, the time, the efficiency beside one GPU, and what limits it. No GPU is measured
for that: the figures it assumes are printed, and may be given.
"""


def _calibrating(add: Add) -> None:
    found = add(
        "calibrate",
        "find the heads by which a model finds again and re-ranks",
        "calibrate infer.model=~/models/mine",
        CALIBRATE_HELP,
    )
    found.add_argument(
        "--tokens", type=int, default=16384, metavar="N", help="length of the text (default: 16384)"
    )


def _benching(add: Add) -> None:
    test = add(
        "bench",
        "measure speed and memory of reading, or how it scales",
        "bench --lengths 4096,32768\nbench million --tokens 10000000 --minutes 100\n"
        "bench headline --tokens 10000000 --minutes 12\nbench scaling --workers 1,2 --json\n"
        "bench load --sessions 20 --requests 100",
        BENCH_HELP,
    )
    test.add_argument(
        "what",
        nargs="?",
        choices=("reading", "million", "headline", "scaling", "windows", "memory", "parse", "load"),
        default="reading",
        help="reading: against the length of a text (default); million: one long text, with needles in it; "
        "headline: both, and what decays, in 12 minutes; "
        "scaling: against the number of workers; windows: when they follow the text; memory: a large one, "
        "how it grows and answers; parse: files to shards; load: readers that many ask at once",
    )
    test.add_argument(
        "--lengths", default="4096,32768", metavar="N,N", help="tokens of the texts (default: 4096,32768)"
    )
    test.add_argument(
        "--peers",
        metavar="NAME,NAME",
        help='some of context, sdpa, llama.cpp, or "" for none (default: those that can read the model)',
    )
    test.add_argument(
        "--kernel",
        default="auto",
        metavar="NAME",
        help="attention of the stream: fused, masked, tiles (on CPUs), flex (on GPUs), or auto, the quickest "
        "in a trial whose times are kept (default: auto)",
    )
    test.add_argument("--figure", metavar="PNG", help="draw speed and memory (default: under home/bench)")
    test.add_argument(
        "--tokens",
        type=int,
        metavar="N",
        help="million, headline: of the one text (default: 1048576, 10000000); scaling: of all documents "
        "(default: 8192)",
    )
    followed = test.add_argument_group("windows", WINDOWS_HELP)
    followed.add_argument(
        "--least",
        default="256,512",
        metavar="N,N",
        help="tokens of the past that the narrowest window holds (default: 256,512)",
    )
    million.arguments(test)
    test.add_argument_group("headline", headline.HEADLINE_HELP)
    _scaling(test)
    tend.bench_arguments(test)
    ingesting.bench_arguments(test)
    loading.arguments(test)


def _scaling(test: argparse.ArgumentParser) -> None:
    grown = test.add_argument_group("scaling", SCALING_HELP)
    grown.add_argument(
        "--workers",
        default="1,2",
        metavar="N,N",
        help="processes that share this machine, 1 among them (default: 1,2)",
    )
    grown.add_argument("--repeats", type=int, default=2, metavar="N", help="turns of each (default: 2)")
    spec = {
        "flops": "operations a second of a simulated GPU in products (default: 312e12, an A100 in bf16)",
        "share": "of them, reached in reading (default: 0.3, an assumption)",
        "link": "bytes a second from one GPU of a node to others (default: 300e9, NVLink of an A100)",
        "latency": "seconds of one collective (default: 20e-6)",
        "start": "seconds until the first token is read (default: 30)",
    }
    for name, text in spec.items():
        grown.add_argument(f"--{name}", type=float, metavar="X", help=text)
