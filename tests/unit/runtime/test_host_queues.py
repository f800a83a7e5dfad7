"""The slots of a host: a poll for each slot at once, all others in a queue."""

import pytest

from exporter.runtime import host_queues
from exporter.runtime.host_queues import HostQueues

A, B = ("a.example", 80), ("b.example", 80)


@pytest.fixture(autouse=True)
def _two_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_queues, "MAX_A_HOST", 2)


def test_each_host_has_separate_slots() -> None:
    places: HostQueues[str] = HostQueues()

    assert [places.enter(A, name) for name in "abc"] == [True, True, False]
    assert places.enter(B, "d")


def test_waiting_polls_start_in_order() -> None:
    places: HostQueues[str] = HostQueues()
    for name in "abcd":
        places.enter(A, name)
    following = []
    for _ in range(2):
        name = places.leave(A) or ""
        following.append(name)
        assert places.enter(A, name)

    assert following == ["c", "d"]
    assert places.next_waiting(A) is None
