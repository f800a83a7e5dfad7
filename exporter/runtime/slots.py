"""A timing wheel: entries by the short slot of time in which they are due.

Adding, moving and removing an entry take constant time. An entry is in one slot at most.
"""

from math import ceil
from typing import Generic, Protocol, TypeVar

from exporter.runtime.timing import TOLERANCE, ticks_between


class SlotEntry(Protocol):
    """What can be put into a slot."""

    due: float
    slot: int | None


_Entry = TypeVar("_Entry", bound=SlotEntry)


class Slots(Generic[_Entry]):
    """Slots of equal length since `start`, in monotonic seconds, and the entries due at their ends."""

    def __init__(self, start: float, seconds: float) -> None:
        self._start = start
        self._seconds = seconds
        self._slots: dict[int, dict[_Entry, None]] = {}
        self._first = 0

    def put(self, entry: _Entry, due: float) -> None:
        """Add the entry to the first slot at whose end it is due, or move it there."""
        if entry.slot is not None:
            self.remove(entry)
        slot = max(ceil((due - self._start) / self._seconds - TOLERANCE), self._first)
        entry.due, entry.slot = due, slot
        self._slots.setdefault(slot, {})[entry] = None

    def remove(self, entry: _Entry) -> None:
        """Remove the entry from its slot, if it is in one."""
        if entry.slot is None:
            return
        entries = self._slots[entry.slot]
        del entries[entry]
        if not entries:
            del self._slots[entry.slot]
        entry.slot = None

    def take(self, now: float) -> list[_Entry]:
        """Remove and return the entries that are due now, in the order of their slots."""
        last = ticks_between(self._start, now, self._seconds)
        passed: list[int] | range = range(self._first, last + 1)
        if len(passed) > len(self._slots):  # Most of them are empty.
            passed = sorted(slot for slot in self._slots if slot <= last)
        self._first = max(self._first, last + 1)
        found = [entry for slot in passed for entry in self._slots.pop(slot, ())]
        for entry in found:
            entry.slot = None
        return found
