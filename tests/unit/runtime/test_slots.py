"""Turns come up at the tick at which they are due, however they are moved."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from exporter.runtime.slots import Slots

START = 1000.0


@dataclass(eq=False)
class Entry:
    due: float = 0.0
    slot: int | None = None


def taken(slots: Slots[Entry], *moments: float) -> list[tuple[float, float]]:
    """Return when turns came up, and when they were due."""
    return [(moment, turn.due) for moment in moments for turn in slots.take(moment)]


def test_a_turn_comes_up_at_the_first_tick_after_it_is_due() -> None:
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


def test_an_overdue_turn_comes_up_at_the_next_tick() -> None:
    slots, turn = Slots[Entry](START, 0.5), Entry()
    assert taken(slots, 1002.0) == []
    slots.put(turn, 1001.0)

    assert taken(slots, 1002.0, 1002.5) == [(1002.5, 1001.0)]


def test_all_that_was_due_in_a_long_pause_comes_up_in_order() -> None:
    slots = Slots[Entry](START, 0.1)
    for due in (5000.0, 1001.0, 3000.0, 9000.0):
        slots.put(Entry(), due)

    assert [due for _, due in taken(slots, 8000.0)] == [1001.0, 3000.0, 5000.0]


@given(
    st.lists(st.floats(0, 60), min_size=1, max_size=30),
    st.sampled_from([0.1, 0.15, 0.3, 0.5]),
    st.sampled_from([0.1, 0.25, 0.5]),
)
def test_ticks_of_another_length_leave_no_turn_out(
    dues: list[float], before: float, after: float
) -> None:
    slots = Slots[Entry](START, before)
    for due in dues:
        slots.put(Entry(), START + due)
    slots = slots.with_seconds(after)
    found, now = [], START
    while now < START + 61:
        found += taken(slots, now)
        now = slots.next_tick(now)

    assert len(found) == len(dues)
    assert all(-1e-3 <= moment - due <= after + 1e-3 for moment, due in found)


@given(st.integers(0, 100_000), st.sampled_from([0.1, 0.15, 0.3, 0.5]))
def test_each_tick_follows_the_last(number: int, seconds: float) -> None:
    """Floats have no exact tenths: a tick must neither come twice nor be left out."""
    slots = Slots[Entry](START, seconds)
    tick = START + number * seconds
    following = slots.next_tick(tick)

    assert 0.5 * seconds < following - tick < 1.5 * seconds
    turn = Entry()
    slots.put(turn, following)
    assert taken(slots, tick, following) == [(following, following)]
