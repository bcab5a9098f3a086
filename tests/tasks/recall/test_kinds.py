"""Questions about whole documents are told from others by their form, and served by summaries."""

import pytest

from tasks.recall.kinds import Kind, kind_of


@pytest.mark.parametrize(
    "question",
    [
        "What is the lease of the mill about?",
        "Summarise the minutes of March",
        "give me an overview of the report",
        "Which contracts mention rye?",
        "What kind of document is this?",
        "What does the licence cover?",
    ],
)
def test_questions_about_documents(question: str) -> None:
    assert kind_of(question) is Kind.DOCUMENT


@pytest.mark.parametrize(
    "question",
    [
        "Who pays the rent?",
        "What did Ann say about the parrot?",
        "When was it signed?",
        "rent",
        "How many cows?",
    ],
)
def test_questions_about_facts(question: str) -> None:
    assert kind_of(question) is Kind.FACT
