"""What an erasure would take, and its receipt, as text for people."""

from tasks.runs.ledger import Row
from tasks.text.counted import counted


def documents(found: Row) -> str:
    """ "3 documents", or "1 document (2 versions)"; a receipt of an earlier version counts versions alone."""
    versions = len(found["documents"])
    count = found.get("count", versions)
    more = f" ({counted(versions, 'version')})" if versions > count else ""
    return f"{counted(count, 'document')}{more}"


def preview(found: Row) -> str:
    """What would be erased, document by document, and how it is done."""
    lines = [f"{documents(found)} would be erased:"]
    for one in found["documents"]:
        earlier = ", of earlier runs only" if one["earlier"] else ""
        lines.append(f"   {one['title']} ({', '.join(one['places'])}{earlier})")
    levels = ", ".join(f"{level} {count:,}" for level, count in found["records"].items())
    lines.append(f"{counted(sum(found['records'].values()), 'record')} of the memory: {levels or 'none'}")
    if found["runs"]:
        lines.append(f"rewritten without them: the memory of {counted(len(found['runs']), 'run')}")
    if found["states"]:
        lines.append(f"{counted(found['states'], 'saved state')} of the reader")
    lines.append("Nothing was forgotten: say that it is meant with --yes")
    return "\n".join(lines)


def receipt(done: Row) -> str:
    """What was erased where, and what was searched after it."""
    ledger, reports = done["ledger"], done["reports"]
    searched = f"{_told(done['searched'])}; found: {done['found']}"
    lines = [
        f"run {done['run']}: forgot {documents(done)}",
        f"{counted(sum(done['records'].values()), 'record')} erased; merged records: "
        f"{done['merged records taken out']:,} taken out, {done['merged records made again']:,} made again",
        f"{counted(done['versions rewritten'], 'table version')} rewritten, with tags and indices; "
        f"{done['table versions dropped']:,} old ones dropped",
        f"ledger: {_told(ledger)}; parsed files {done['parsed files']:,}, parts of others "
        f"{done['parts of parsed files']:,}; shards {done['shards']:,}; states {done['saved states']:,}; "
        f"staged files {done['staged files']:,}; answers of sessions {done['answers of sessions']:,}; "
        f"lines of logs {done['lines of logs']:,}",
        f"reports: {_told(reports)}; Prefect: {_told(done['prefect'])}",
        f"searched after it for {_told(done['searched for'])}: {searched}",
    ]
    if not done["searched for"]["runs of words"]:
        lines.append("no words that are its alone were there to search for: it was searched for by hash only")
    if own := done["documents themselves in the home"]:
        lines.append(f"the document itself lies in the home and was not touched: {', '.join(own)}")
    lines.append(f"kept: {done['kept']}")
    lines.append("later reads leave it out; back with: nightread forget --undo URI")
    return "\n".join([*lines, *([f"receipt: {done['receipt']}"] if "receipt" in done else [])])


def receipts(found: list[Row]) -> str:
    """One line an erasure."""
    if not found:
        return "nothing was forgotten yet: nightread forget URI"
    lines = [
        f"{one['on'][:16].replace('T', ' ')} UTC  {documents(one)}: {', '.join(one['places'])}"
        for one in found
    ]
    return "\n".join(lines)


def _told(counts: Row) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items()) or "none"
