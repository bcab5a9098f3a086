"""The `nightread` command: words in, exit code out.

The idea: this file only translates. It turns arguments into a configuration and one call, and what the call
returns into text or JSON. What may be typed stands in flows/arguments.py, what is done in flows/commands.py.
"""

import argparse
import json
import os
import re
import sys
import traceback
from collections.abc import Sequence
from typing import TYPE_CHECKING

from flows import commands, homes
from flows.arguments import COMMON, parser
from flows.explain import explained
from tasks.errors import InvalidInput
from tasks.text.visible import printable

if TYPE_CHECKING:
    from flows.config import RunConfig

OK, FAILED, INVALID, QUARANTINED, INTERRUPTED = 0, 1, 2, 3, 130

ASKING = ("recall", "ask", "session", "serve", "evaluate", "bench")
"""Commands that embed questions."""
_OVERRIDE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*=", re.ASCII)


def split(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """Arguments apart from key=value settings; after `--` nothing is a setting."""
    end = argv.index("--") if "--" in argv else len(argv)
    settings = [argument for argument in argv[:end] if _OVERRIDE.match(argument)]
    rest = [argument for argument in argv[:end] if not _OVERRIDE.match(argument)]
    return rest + list(argv[end:]), settings


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    rest, settings = split(sys.argv[1:] if argv is None else argv)
    arguments = parser().parse_args(rest)
    # our bars tell of the corpus; theirs of each file
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("LANCEDB_LOG", "error")  # its warnings tell of its own inside
    # threads that spin while they wait take the core from whom they wait for, on machines that are shared
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if arguments.command in ASKING:
        # NumPy's threads always spin: on a busy machine two took 29 times the processor time of one for the
        # products of a question's dozen words, and 1.1 to 1.6 times for those by which a read ranks
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    home = ""
    try:
        from flows.config import load

        config = load(arguments.conf, settings)
        home = config.home
        return _run(arguments, config)
    except KeyboardInterrupt:
        print("nightread: interrupted; the same command resumes where it stopped", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output left; what was asked for is done
        sys.stdout = None
        return OK
    except Exception as error:
        if arguments.debug:
            traceback.print_exc()
        print(f"nightread: {printable(explained(error, home))}", file=sys.stderr)
        return INVALID if isinstance(error, InvalidInput | ValueError) else FAILED


def _run(arguments: argparse.Namespace, config: "RunConfig") -> int:
    given = {name: value for name, value in vars(arguments).items() if name not in COMMON}
    with homes.prepared(arguments.command, config, given) as config:
        answer = commands.COMMANDS[arguments.command](config, **given)
        if answer.text:
            print(printable(answer.text))
        if arguments.json:
            print(json.dumps(answer.data, default=str))
        sys.stdout.flush()
    return QUARANTINED if answer.data.get("quarantined") else answer.code
