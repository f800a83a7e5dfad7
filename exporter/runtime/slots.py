"""Which turns are due at which tick: a slot for each tick that has any.

To put a turn into a slot, to move it and to take it out costs the same however many there are, and
a turn is in one slot at most.
"""

from math import ceil, floor
from typing import Generic, Protocol, TypeVar

# Ticks by which a moment may miss the tick that it is: floats have no exact tenths.
_TOLERANCE = 1e-6


class SlotEntry(Protocol):
    """What can be put into a slot."""

    due: float
    slot: int | None


_Entry = TypeVar("_Entry", bound=SlotEntry)


class Slots(Generic[_Entry]):
    """Ticks of equal length since `start`, by the monotonic clock, and what is due at each."""

    def __init__(self, start: float, seconds: float) -> None:
        self._start = start
        self.seconds = seconds
        """The length of a tick."""
        self._slots: dict[int, dict[_Entry, None]] = {}
        self._first = 0

    def put(self, turn: _Entry, due: float) -> None:
        """Have the turn come up at the first tick at which it is due; it may be in a slot already."""
        if turn.slot is not None:
            self.remove(turn)
        slot = max(ceil((due - self._start) / self.seconds - _TOLERANCE), self._first)
        turn.due, turn.slot = due, slot
        self._slots.setdefault(slot, {})[turn] = None

    def remove(self, turn: _Entry) -> None:
        """Take the turn out of its slot, if it is in one."""
        if turn.slot is None:
            return
        turns = self._slots[turn.slot]
        del turns[turn]
        if not turns:
            del self._slots[turn.slot]
        turn.slot = None

    def take(self, now: float) -> list[_Entry]:
        """Return the turns that are due now, out of their slots, the longest due first."""
        last = self._number(now)
        passed: list[int] | range = range(self._first, last + 1)
        if len(passed) > len(self._slots):  # The first tick after a long pause, or none at all.
            passed = sorted(slot for slot in self._slots if slot <= last)
        self._first = max(self._first, last + 1)
        found = [turn for slot in passed for turn in self._slots.pop(slot, ())]
        for turn in found:
            turn.slot = None
        return found

    def next_tick(self, now: float) -> float:
        """Return the moment of the first tick after now."""
        return self._start + (self._number(now) + 1) * self.seconds

    def _number(self, now: float) -> int:
        """Return the number of the last tick that has come."""
        return floor((now - self._start) / self.seconds + _TOLERANCE)

    def with_seconds(self, seconds: float) -> "Slots[_Entry]":
        """Return the same turns in ticks of another length."""
        slots = Slots[_Entry](self._start, seconds)
        slots._first = floor(self._first * self.seconds / seconds)
        for turns in self._slots.values():
            for turn in turns:
                turn.slot = None
                slots.put(turn, turn.due)
        return slots
