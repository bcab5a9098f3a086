"""Questions with known answers: about what is read, and about documents of the same kind that are not.

The idea: half of the documents are read. A question about the other half was never answered by anything read,
though it is of the same kind, about the same things and in the same words.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path
from random import Random

from tasks.bench.cuad import CONTRACT, SPAN
from tasks.bench.dataset import read_json_lines
from tasks.bench.locomo import read_conversations
from tasks.bench.made import Question, questions, unambiguous
from tasks.errors import InvalidInput
from tasks.text.sentences import Span

CATEGORIES = {
    "Governing Law": (
        "Which law governs the {}?",
        "Under the laws of which state or country is the {} governed?",
    ),
    "Agreement Date": (
        "When was the {} made?",
        "What is the date of the {}?",
        "On what date was the {} signed?",
    ),
    "Effective Date": ("When does the {} take effect?", "What is the effective date of the {}?"),
    "Expiration Date": ("When does the {} expire?", "How long does the initial term of the {} last?"),
    "Renewal Term": ("How is the {} renewed?", "How long is the renewal term of the {}?"),
    "Notice Period To Terminate Renewal": ("How much notice ends the renewal of the {}?",),
    "Termination For Convenience": ("Who may terminate the {} without cause?",),
    "Cap On Liability": ("To what amount is liability limited under the {}?",),
    "Insurance": ("Which insurance must be maintained under the {}?",),
    "Audit Rights": ("Who may audit books and records under the {}?",),
    "Anti-Assignment": ("May the {} be assigned without consent?",),
    "Minimum Commitment": ("What is the minimum order or commitment under the {}?",),
    "Warranty Duration": ("How long does the warranty last under the {}?",),
    "Exclusivity": ("What is exclusive under the {}?",),
    "Non-Compete": ("Which competing business is forbidden by the {}?",),
}
"""What lawyers marked in contracts, and questions that it answers, about a contract by its name."""


@dataclass(frozen=True, slots=True)
class Case:
    """A question, the document it is about, and the spans of which each holds the answer; none was read if
    `read` is false."""

    kind: str
    question: str
    document: str
    answers: tuple[Span, ...]
    read: bool


@dataclass(frozen=True, slots=True)
class Trial:
    """Texts that are read, by name, and the questions that are asked then."""

    name: str
    texts: dict[str, str]
    cases: list[Case]


def trials(path: Path | None, most: int, seed: int) -> Iterator[Trial]:
    """The trials of what lies at `path`: contracts (CUAD), conversations (LoCoMo), both in folders below it,
    or files of text; None is text that this machine has.

    Raises:
        InvalidInput: if there is nothing of that at `path`.
    """
    if path is None:
        yield _made("machine", _installed(), most, seed)
        return
    folders = [path, *sorted(entry for entry in path.iterdir() if entry.is_dir())] if path.is_dir() else []
    contracts = [one for one in folders if (one / "contracts.jsonl").is_file()]
    talks = [one for one in folders if (one / "conversations.json").is_file()]
    for folder in contracts:
        yield _contracts(folder, most, seed)
        yield _made("sentences of contracts", _texts(folder), most, seed, _names(folder))
    for folder in talks:
        yield _conversations(folder, most, seed)
    if not contracts and not talks:
        files = (
            sorted(one for one in path.rglob("*") if one.suffix in (".txt", ".md")) if path.is_dir() else []
        )
        if len(files) < 2:
            raise InvalidInput(f"{path}: neither contracts.jsonl, nor conversations.json, nor two texts")
        texts = {str(one): one.read_text("utf-8", "replace") for one in files}
        yield _made("texts", texts, most, seed)


def _halves(names: Sequence[str], random: Random) -> tuple[set[str], set[str]]:
    shuffled = sorted(names)
    random.shuffle(shuffled)
    return set(shuffled[: (len(shuffled) + 1) // 2]), set(shuffled[(len(shuffled) + 1) // 2 :])


def _some(cases: Sequence[Case], most: int, random: Random) -> list[Case]:
    """At most so many questions of what was read, as many of what was not, kinds in equal parts."""
    chosen: list[Case] = []
    for read in (True, False):
        by_kind: dict[str, list[Case]] = defaultdict(list)
        for case in cases:
            if case.read == read:
                by_kind[case.kind].append(case)
        for some in by_kind.values():
            random.shuffle(some)
        left = most
        while left and any(by_kind.values()):
            for some in by_kind.values():
                if some and left:
                    chosen.append(some.pop())
                    left -= 1
    return chosen


# Sentences made into questions.


def _made(
    name: str, texts: dict[str, str], most: int, seed: int, names: dict[str, str] | None = None
) -> Trial:
    random = Random(seed)
    read, _ = _halves(list(texts), random)
    held = {one: text for one, text in texts.items() if one in read}
    made: list[Question] = []
    for one, text in sorted(texts.items()):
        called = (names or {}).get(one, "") if random.random() < 0.5 else ""
        made += questions(one, text, random, called)
    cases = [
        Case(one.kind, one.text, one.document, (one.answer,), one.document in read)
        for one in unambiguous(made, held)
    ]
    return Trial(name, held, _some(cases, most, random))


def _installed() -> dict[str, str]:
    """Descriptions and licences of installed distributions, and Python's manual, each text once."""
    from pydoc_data.topics import topics

    texts = {f"python-{name}": text for name, text in topics.items() if len(text) > 1500}
    for one in distributions():
        about = str(one.metadata.json.get("description", ""))
        if len(about) > 1500:
            texts[f"{one.metadata['Name']}.md"] = about.replace("\r\n", "\n")
    by_text = {text: name for name, text in texts.items()}
    return {name: text for text, name in by_text.items()}


# Contracts.


def _texts(folder: Path) -> dict[str, str]:
    rows = read_json_lines(folder / "contracts.jsonl", {"id": str, "text": str}, CONTRACT)
    return {row["id"]: row["text"] for row in rows}


def _marked(folder: Path) -> dict[tuple[str, str], list[Span]]:
    fields = {"contract": str, "category": str, "start": int, "end": int}
    found: dict[tuple[str, str], list[Span]] = defaultdict(list)
    for row in read_json_lines(folder / "spans.jsonl", fields, SPAN):
        found[row["contract"], row["category"]].append((row["start"], row["end"]))
    return found


def _names(folder: Path) -> dict[str, str]:
    """Contracts as people speak of them: "Supply Agreement between Acme Inc. and Bolt LLC"."""
    texts, marked, named = _texts(folder), _marked(folder), {}
    for one, text in texts.items():
        titles = [" ".join(text[a:b].split()) for a, b in marked.get((one, "Document Name"), [])]
        spans = [" ".join(text[a:b].split()).strip('()," ') for a, b in marked.get((one, "Parties"), [])]
        parties = [
            p
            for p in dict.fromkeys(spans)
            if 4 < len(p) < 60 and p[0].isupper() and '"' not in p and " " in p
        ]
        if titles and len(parties) >= 2:
            title = min(titles, key=len).title()
            named[one] = f"{title} between {parties[0]} and {parties[1]}"
    return named


def _contracts(folder: Path, most: int, seed: int) -> Trial:
    random = Random(seed)
    texts, names = _texts(folder), _names(folder)
    read, _ = _halves(list(texts), random)
    cases = [
        Case(category, random.choice(CATEGORIES[category]).format(names[one]), one, tuple(spans), one in read)
        for (one, category), spans in sorted(_marked(folder).items())
        if one in names and category in CATEGORIES
    ]
    held = {one: text for one, text in texts.items() if one in read}
    return Trial("clauses of contracts", held, _some(cases, most, random))


# Conversations.


def _conversations(folder: Path, most: int, seed: int) -> Trial:
    """Questions of the published set. Those of the kind "adversarial" ask of one person what another did:
    of what was read they count as never answered."""
    random = Random(seed)
    talks = read_conversations(folder)
    read, _ = _halves([talk.conversation.text.name for talk in talks], random)
    cases = []
    for talk in talks:
        spans, name = talk.conversation.spans, talk.conversation.text.name
        for category, question, evidence in talk.questions:
            answers = tuple(spans[turn] for turn in sorted(evidence) if turn in spans)
            is_read = name in read
            if category == "adversarial" and is_read:
                cases.append(Case("adversarial", question, name, (), False))
            elif category != "adversarial" and answers:
                cases.append(Case(category, question, name, answers, is_read))
    texts = [talk.conversation.text for talk in talks]
    held = {text.name: text.text for text in texts if text.name in read}
    return Trial("conversations", held, _some(cases, most, random))
