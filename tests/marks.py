"""Marks that several tests set."""

from typing import Any

import pytest


def slow(*values: Any) -> list[Any]:
    """Values of a parameter that only `-m slow` tries, and that may take two hours each."""
    marks = (pytest.mark.slow, pytest.mark.timeout(7200))
    return [pytest.param(value, marks=marks) for value in values]
