"""Names are runs of capitals, wherever they stand, and no ordinary word that begins a sentence."""

import pytest

from tasks.memory.names import MOST, names


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The meeting in New York was led by Maria van der Berg.", ["New York", "Maria van der Berg"]),
        ("She met IBM and the University of Oslo. I'm fine.", ["IBM", "University of Oslo"]),
        ("Yesterday we went to Kew on Monday. Kew was shut.", ["Kew"]),
        ("Ann Lee: Please do. We called the parrot Rio!", ["Ann Lee", "Rio"]),
        ("nothing here; 六分仪 und überall", []),
        ("", []),
    ],
)
def test_names_of_a_text(text: str, expected: list[str]) -> None:
    assert names(text) == expected


def test_only_the_first_names_are_kept() -> None:
    assert len(names(" met ".join(f"Person{letter}" for letter in "abcdefghijklmnop"))) == MOST
