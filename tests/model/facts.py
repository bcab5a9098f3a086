"""A fact to hide in a text, and the question that it answers."""

from model.reader import Reader

FACT = "\n\nThe pass key of the lighthouse is 48213.\n\n"
QUESTION = "\n\nWhat is the pass key of the lighthouse? The pass key of the lighthouse is"
TOKENS = 2000


def ids_of(reader: Reader, text: str) -> list[int]:
    ids: list[int] = reader.tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids
