"""Numbers: medians with their extremes, ratios, and the lines of the table."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


class BenchError(Exception):
    """A measurement failed; the message says why."""


@dataclass(frozen=True)
class Spread:
    """The results of all repetitions of one measurement."""

    values: tuple[float, ...]

    @property
    def middle(self) -> float:
        """The median."""
        return median(self.values)

    def text(self, unit: str = "") -> str:
        """Format the median and the extremes; a single value has none."""
        space = " " if unit and unit != "x" else ""
        middle = f"{short(self.middle)}{space}{unit}"
        if len(self.values) == 1:
            return middle
        return f"{middle} [{short(min(self.values))}..{short(max(self.values))}]"


def spread(values: Sequence[float]) -> Spread:
    """Return the spread of at least one value.

    Raises:
        BenchError: There is none.
    """
    if not values:
        raise BenchError("nothing was measured")
    return Spread(tuple(values))


def ratios(numerators: Sequence[float], denominators: Sequence[float]) -> Spread:
    """Divide repetition by repetition: those of one repetition ran under the same conditions."""
    return spread([one / other for one, other in zip(numerators, denominators, strict=True)])


def short(value: float) -> str:
    """Format with three digits; whole numbers have no fraction."""
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

    row: int
    what: str
    ours: str
    peer: str = ""
    ratio: str = ""
    goal: str = ""
    met: bool | None = None
    """None: there is no goal, or the figures cannot decide."""


@dataclass(frozen=True)
class Peer:
    """What another program needed for the same, repetition by repetition."""

    name: str
    values: Sequence[float]


def share_of(
    peer: Peer, ours: Sequence[float], *, row: int, what: str, unit: str, goal: float | None
) -> Line:
    """Return a line whose ratio is our share of the peer's figure; the goal is its maximum."""
    ratio = ratios(ours, peer.values)
    return Line(
        row=row,
        what=what,
        ours=spread(ours).text(unit),
        peer=f"{peer.name} {spread(peer.values).text(unit)}",
        ratio=ratio.text("x"),
        goal="" if goal is None else f"<= {goal:g}x",
        met=None if goal is None else ratio.middle <= goal,
    )


def times_less(
    peer: Peer, ours: Sequence[float], *, row: int, what: str, unit: str, goal: float
) -> Line:
    """Return a line whose ratio is how many times our figure is in the peer's, at least the goal."""
    less = ratios(peer.values, ours)
    return Line(
        row=row,
        what=what,
        ours=spread(ours).text(unit),
        peer=f"{peer.name} {spread(peer.values).text(unit)}",
        ratio=f"{less.text('x')} less",
        goal=f">= {goal:g}x less",
        met=less.middle >= goal,
    )
