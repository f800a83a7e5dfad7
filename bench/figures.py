"""Measured numbers go in; medians with their spread, ratios, and lines of the table come out."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


class BenchError(Exception):
    """A measurement that could not be made; the message says why."""


@dataclass(frozen=True)
class Spread:
    """The same thing measured a number of times."""

    values: tuple[float, ...]

    @property
    def middle(self) -> float:
        """The median."""
        return median(self.values)

    def told(self, unit: str = "") -> str:
        """Write median and extremes; a single value stands alone."""
        space = " " if unit and unit != "x" else ""
        told = f"{short(self.middle)}{space}{unit}"
        if len(self.values) == 1:
            return told
        return f"{told} [{short(min(self.values))}..{short(max(self.values))}]"


def spread(values: Sequence[float]) -> Spread:
    """Make a spread of what may not be empty."""
    if not values:
        raise BenchError("nothing was measured")
    return Spread(tuple(values))


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> Spread:
    """Divide repetition by repetition: what ran side by side had the same machine."""
    return spread([one / other for one, other in zip(ours, theirs, strict=True)])


def short(value: float) -> str:
    """Write three digits, and whole numbers whole."""
    size = abs(value)
    if size == 0:
        return "0"
    for limit, digits in ((100, 0), (10, 1), (1, 2), (0.01, 3)):
        if size >= limit:
            return f"{value:,.{digits}f}"
    return f"{value:.2g}"


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of the table."""

    row: str
    what: str
    ours: str
    peer: str = ""
    ratio: str = ""
    goal: str = ""
    met: bool | None = None
    """None where there is no goal, or it cannot be told whether it is met."""
