"""What a model that writes is asked, by level and kind of document; all of it is part of the cache key.

The idea: it is asked to shorten, not to retell. What keeps the words and the order of its source can be
checked without understanding it, and reads as well.
"""

RULES = (
    "Summarize the text below in at most {sentences} short sentences. {about} "
    "Make every sentence by shortening one sentence of the text, or by joining two with 'and': keep its "
    "words and "
    "their order, and leave out what matters less. Copy every name, number, date and amount exactly. "
    "Keep words "
    "such as not, no, may, must, shall, only, if and unless where they stand. Begin every sentence with "
    "its subject, "
    "by its name, not with it, they or this. Add nothing that the text does not say. Write in the "
    "language of the "
    "text. Write no headings, no lists and no remarks about the text."
)
EARLIER = "[Remembered from other documents, only to understand the text. Write nothing from it.]"
THE_TEXT = "[The text]"
"""What stands above passages of the memory, and above the text itself, where both are shown."""
SENTENCES = {"window": 3, "section": 5, "document": 8, "corpus": 8}
"""Sentences that are asked for, by level."""
ABOUT = {
    "contract": "State who the parties are, what the contract is about, when it begins and how long it "
    "runs, what is "
    "paid, what each party must and may not do, how it ends, and whose law governs it.",
    "licence": "State what may be done with the work, on which conditions, what is not granted, and who "
    "is liable.",
    "minutes": "State who met and when, what was decided and how the vote went, and who does what until "
    "when.",
    "dialogue": "State who speaks with whom, and what each of them did, plans, likes and decides, with "
    "the dates.",
    "report": "State what was examined, for whom, what was found, with the main figures, and what is "
    "recommended.",
    "paper": "State the question, the method, the data, the main result with its figures, and the limits.",
    "book": "State what happens or is argued, who takes part, where and when.",
    "code": "State what the code is for, and what its main parts do.",
    "changelog": "State which version was released when, what was added, changed and removed, and what "
    "breaks.",
    "mail": "State who writes to whom and when, what is asked or told, and what is to be done until when.",
    "readme": "State what it is, what it is for, what it needs, and how it is installed and used.",
    "notebook": "State the question, the data, what is computed, and the results with their figures.",
    "slides": "State what is presented, for whom, what is shown and concluded, with the main figures.",
    "table": "State what the rows and columns are, and the figures that stand out.",
}
"""What a reader wants to know of a document, by its kind (`tasks.text.outline`)."""
ANY_KIND = (
    "State what it is, who and what it is about, when, and what it says or decides, the most important first."
)


def instruction(level: str, kind: str) -> str:
    """What is asked of a text at this level, of a document of this kind."""
    return RULES.format(sentences=SENTENCES[level], about=ABOUT.get(kind, ANY_KIND))


def all_prompts() -> str:
    """Every word that is asked: whatever changes here changes what is written."""
    fixed = [RULES, ANY_KIND, EARLIER, THE_TEXT]
    return "\0".join([*fixed, *map(str, SENTENCES.items()), *map(": ".join, ABOUT.items())])
