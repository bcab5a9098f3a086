"""Numbers of things in text for people."""


def counted(number: int, noun: str) -> str:
    """Such as "1 document" and "2,000 documents"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
