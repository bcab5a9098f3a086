"""Numbers of things in text for people."""


def counted(number: int, noun: str) -> str:
    """Such as "1 document" and "2,000 documents"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def of_kind(number: int, kind: str) -> str:
    """Such as "3 contracts", of a kind of document (`tasks.text.kinds`)."""
    noun = {"code": "code file", "minutes": "record of minutes"}.get(kind, kind)
    return f"{number:,} records of minutes" if kind == "minutes" and number != 1 else counted(number, noun)
