"""One needle asked for: is its block found by the index and by the exact scan, and is it answered?

The idea: both searches are asked every time, so that what the index misses and what it saves are known at
every length. The answer is the one a user gets, by the blocks of the index.
"""

from collections.abc import Callable, Sequence
from time import perf_counter

from model.context.answer import answer
from model.context.context import Context
from model.context.retrieve import choose
from tasks.bench.haystack import Encode
from tasks.bench.million.hidden import Hidden
from tasks.bench.million.journal import Asked
from tasks.bench.needle import NEW_TOKENS, K, sees
from tasks.bench.needles import correct

Decode = Callable[[Sequence[int]], str]


def ask(context: Context, needle: Hidden, encode: Encode, decode: Decode, final: bool) -> Asked:
    """Ask for a needle that the context has read."""
    started = perf_counter()
    question = encode(f"\n\n{needle.question}")[0].tolist()
    fast, exact = choose(context, question, K, "index"), choose(context, question, K, "exact")
    said = decode(answer(context, question, fast.blocks, NEW_TOKENS))
    return Asked(
        tokens=len(context),
        number=needle.number,
        depth=needle.depth,
        final=final,
        found_index=sees(context, needle.placed, fast.blocks),
        found_exact=sees(context, needle.placed, exact.blocks),
        nominated=len(set(exact.blocks) & set(fast.blocks)) / max(len(exact.blocks), 1),
        answered=float(correct(said, needle.placed.needle.value)),
        said=said,
        blocks=context.blocks,
        visited=fast.visited,
        index_s=fast.seconds,
        exact_s=exact.seconds,
        seconds=perf_counter() - started,
    )
