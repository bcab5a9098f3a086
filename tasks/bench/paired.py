"""Two methods on the same cases: their means, and their difference with its standard error."""

from collections.abc import Sequence
from dataclasses import dataclass

from tasks.bench.means import mean, standard_error


@dataclass(frozen=True)
class Paired:
    """Means of ours and of the lead baseline; the mean difference, and its standard error over cases."""

    ours: float
    lead: float
    difference: float
    error: float


def paired(values: Sequence[tuple[float, float]]) -> Paired:
    """Of pairs (ours, lead), one a case, to four digits; the error of fewer than two cases is 0."""
    gains = [ours - lead for ours, lead in values]
    return Paired(
        mean(ours for ours, _ in values), mean(lead for _, lead in values), mean(gains), standard_error(gains)
    )
