"""A fact to hide in a text, and the question that it answers."""

from model.context.index import IndexSizes
from model.reader import Reader

FACT = "\n\nThe pass key of the lighthouse is 48213.\n\n"
QUESTION = "\n\nWhat is the pass key of the lighthouse? The pass key of the lighthouse is"
TOKENS = 1000
"""Of the text around it: two windows of the reader that tests of contexts share."""
SMALL = IndexSizes(centroids=128, postings=64, training_tokens=512, batch=256)
"""An index that is trained early and on little, so that a short text exercises what a long one does."""


def ids_of(reader: Reader, text: str) -> list[int]:
    ids: list[int] = reader.tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids
