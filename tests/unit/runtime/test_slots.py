"""Turns come up in the slot in which they are due, however they are moved."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from exporter.runtime.slots import Slots
from exporter.runtime.timing import next_tick

START = 1000.0


@dataclass(eq=False)
class Entry:
    due: float = 0.0
    slot: int | None = None


def taken(slots: Slots[Entry], *moments: float) -> list[tuple[float, float]]:
    """Return when turns came up, and when they were due."""
    return [(moment, turn.due) for moment in moments for turn in slots.take(moment)]


def test_a_turn_comes_up_at_the_end_of_its_slot() -> None:
    slots = Slots[Entry](START, 0.5)
    for due in (1000.7, 1000.2, 1000.5):
        slots.put(Entry(), due)

    assert taken(slots, 1000.0, 1000.5, 1001.0) == [
        (1000.5, 1000.2),
        (1000.5, 1000.5),
        (1001.0, 1000.7),
    ]


def test_a_turn_that_is_moved_comes_up_once() -> None:
    slots, turn = Slots[Entry](START, 0.5), Entry()
    for due in (1003.0, 1001.0, 1002.0):
        slots.put(turn, due)

    assert taken(slots, 1001.0, 1002.0, 1003.0) == [(1002.0, 1002.0)]


def test_a_turn_that_is_removed_does_not_come_up() -> None:
    slots, turn = Slots[Entry](START, 0.5), Entry()
    slots.put(turn, 1001.0)
    slots.remove(turn)
    slots.remove(turn)

    assert taken(slots, 1002.0) == []


def test_an_overdue_turn_comes_up_in_the_next_slot() -> None:
    slots, turn = Slots[Entry](START, 0.5), Entry()
    assert taken(slots, 1002.0) == []
    slots.put(turn, 1001.0)

    assert taken(slots, 1002.0, 1002.5) == [(1002.5, 1001.0)]


def test_all_that_was_due_in_a_long_pause_comes_up_in_order() -> None:
    slots = Slots[Entry](START, 0.1)
    for due in (5000.0, 1001.0, 3000.0, 9000.0):
        slots.put(Entry(), due)

    assert [due for _, due in taken(slots, 8000.0)] == [1001.0, 3000.0, 5000.0]


@given(st.integers(0, 100_000), st.sampled_from([0.1, 0.15, 0.3, 0.5, 1 / 3]))
def test_each_tick_follows_the_last(number: int, seconds: float) -> None:
    """Floats have no exact tenths: a tick must neither come twice nor be left out."""
    tick = START + number * seconds
    following = next_tick(START, tick, seconds)

    assert 0.5 * seconds < following - tick < 1.5 * seconds


@given(st.integers(0, 100_000), st.sampled_from([0.1, 0.15, 0.3, 0.5]))
def test_a_turn_that_is_due_at_the_end_of_a_slot_comes_up_then(number: int, seconds: float) -> None:
    slots, turn = Slots[Entry](START, seconds), Entry()
    due = next_tick(START, START + number * seconds, seconds)
    slots.put(turn, due)

    assert taken(slots, due - seconds, due) == [(due, due)]


@given(st.lists(st.floats(0, 60), min_size=1, max_size=30), st.sampled_from([0.1, 0.25, 0.6, 1.0]))
def test_ticks_longer_than_slots_leave_no_turn_out(dues: list[float], seconds: float) -> None:
    slots = Slots[Entry](START, 0.1)
    for due in dues:
        slots.put(Entry(), START + due)
    found, now = [], START
    while now < START + 62:
        found += taken(slots, now)
        now = next_tick(START, now, seconds)

    assert len(found) == len(dues)
    assert all(-1e-3 <= moment - due <= seconds + 0.1 + 1e-3 for moment, due in found)
