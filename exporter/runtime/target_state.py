"""One target, its last snapshot, and what is remembered of its polls."""

from array import array
from dataclasses import dataclass

from exporter.pipeline.render import Block, base_labels
from exporter.pipeline.request import build
from exporter.pipeline.snapshot import NO_SERIES, PollCounts, ServedSeries, Snapshot
from exporter.settings import Target

# Recent polls, for the status page; 3 MB for 10,000 targets.
_MAX_RECENT = 60

NOWHERE = -1
"""The number of a target that is not, or no longer, one of the set."""

Sample = tuple[ServedSeries, "array[float]"]
"""The series of a target at one moment, and their values."""

_NO_POLLS = PollCounts()


class Availability:
    """The time a target was up since its first poll. All times are Unix seconds."""

    __slots__ = ("_down_seconds", "_first", "down_since")

    def __init__(self) -> None:
        self._first: float | None = None
        self._down_seconds = 0.0
        self.down_since: float | None = None
        """When the first failure after the last success was recorded; None unless it is down."""

    def note_up(self, now: float) -> None:
        """Note a successful poll; required for the first one and after a failure."""
        self._first = now if self._first is None else self._first
        self._down_seconds += self._down_for(now)
        self.down_since = None

    def note_down(self, now: float) -> None:
        """Note a failed poll, or a result that is too old."""
        self._first = now if self._first is None else self._first
        self.down_since = now if self.down_since is None else self.down_since

    def share(self, now: float) -> float | None:
        """Return the share of time that it was up, from 0 to 1; None before its first poll.

        It counts time and not polls: a target that is down is polled less often.
        """
        if self._first is None:
            return None
        passed = now - self._first
        if passed <= 0:
            return 1.0 if self.down_since is None else 0.0
        # The wall clock may step back; `shift` follows a moment later.
        return min(1.0, max(0.0, 1 - (self._down_seconds + self._down_for(now)) / passed))

    def shift(self, seconds: float) -> None:
        """Follow a step of the wall clock."""
        self._first = None if self._first is None else self._first + seconds
        self.down_since = None if self.down_since is None else self.down_since + seconds

    def _down_for(self, now: float) -> float:
        return 0.0 if self.down_since is None else max(0.0, now - self.down_since)


class TargetState:
    """One target, its last snapshot, and what is remembered of its polls."""

    __slots__ = (
        "availability",
        "base",
        "block",
        "counts",
        "faulty",
        "history",
        "is_cut",
        "number",
        "recent",
        "requests",
        "served",
        "snapshot",
        "target",
        "unmapped",
    )

    def __init__(self, target: Target) -> None:
        self.target = target
        self.number = NOWHERE
        self.base = base_labels(target)
        """The labels that all of its series begin with."""
        self.block: Block | None = None
        """The block of lines that it belongs to; None if it is not scraped."""
        self.requests = build(target)
        self.snapshot: Snapshot | None = None
        self.counts = _NO_POLLS
        self.served = NO_SERIES
        """The series of the last good poll."""
        self.unmapped: int | None = None
        """Values of the answer that no field reads, when they were last counted."""
        self.faulty: frozenset[str] = frozenset()
        """Metrics whose fields the last poll could not read."""
        self.is_cut = False
        """Whether items or series of the last answer were dropped."""
        self.availability = Availability()
        self.history: list[Sample] = []
        """Samples of the last hour, without series where the poll had failed."""
        self.recent = array("f")
        """The seconds that each of the last polls took; negative where it failed."""

    @property
    def words(self) -> str:
        """The text that a search matches: its name and label values, in lower case."""
        return " ".join((self.target.name, *self.target.labels.values())).lower()

    def replace_snapshot(self, snapshot: Snapshot) -> None:
        """Replace the last snapshot, and with it the counts and later the lines."""
        self.snapshot, self.counts = snapshot, snapshot.counts
        if self.block is not None:
            self.block.changes += 1

    def note(self, seconds: float) -> None:
        """Note how long a poll took; negative for one that failed."""
        self.recent.append(seconds)
        if len(self.recent) > _MAX_RECENT:
            del self.recent[0]


@dataclass(frozen=True, kw_only=True)
class TargetChanges:
    """A change of the set of targets; a target with a new configuration is in both lists."""

    added: tuple[TargetState, ...] = ()
    removed: tuple[TargetState, ...] = ()
    following: int = 0
    """How many more new targets the next changes will bring."""

    def __str__(self) -> str:
        came = {tracked.target.name for tracked in self.added}
        went = {tracked.target.name for tracked in self.removed}
        return f"{len(came - went)} new, {len(came & went)} changed, {len(went - came)} gone"
