"""Host names: one silent name server holds up its own names and nothing else."""

import asyncio
import socket
import threading
from collections import Counter
from typing import Any

import pytest

from exporter.clock import Clock
from exporter.poll.resolve import Resolver

FOUND: list[Any] = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 80))]


class Names:
    """Stands in for the system's name service."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.silent = threading.Event()
        self.failing: set[str] = set()

    def getaddrinfo(self, host: str, _port: int, **_: Any) -> list[Any]:
        self.asked[host] += 1
        if host.startswith("slow"):
            self.silent.wait(60)
        if host in self.failing:
            raise socket.gaierror(-2, "Name or service not known")
        return FOUND


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    one = Names()
    monkeypatch.setattr(socket, "getaddrinfo", one.getaddrinfo)
    return one


async def test_silent_name_servers_do_not_hold_up_other_names(names: Names) -> None:
    resolver = Resolver(Clock())
    waiting = [asyncio.create_task(resolver.infos(f"slow-{at}", 80)) for at in range(20)]
    await asyncio.sleep(0)

    assert await resolver.infos("good", 80) == FOUND
    assert not any(task.done() for task in waiting)
    names.silent.set()
    assert await asyncio.gather(*waiting) == [FOUND] * 20


async def test_a_name_is_looked_up_once_for_all_who_ask(names: Names) -> None:
    resolver = Resolver(Clock())
    await asyncio.gather(*(resolver.infos("good", 80) for _ in range(50)))
    await resolver.resolve("good", 80)

    assert names.asked == {"good": 1}


async def test_who_no_longer_waits_takes_nothing_from_the_others(names: Names) -> None:
    resolver = Resolver(Clock())
    gone = asyncio.create_task(resolver.infos("slow", 80))
    stays = asyncio.create_task(resolver.infos("slow", 80))
    await asyncio.sleep(0)
    gone.cancel()
    names.silent.set()

    assert await stays == FOUND


async def test_the_last_addresses_serve_while_new_ones_are_looked_up(names: Names) -> None:
    now = [0.0]
    resolver = Resolver(Clock(monotonic=lambda: now[0]))
    names.silent.set()
    await resolver.infos("slow", 80)
    names.silent.clear()
    now[0] = 3600.0

    assert await resolver.infos("slow", 80) == FOUND
    names.silent.set()


async def test_a_name_that_is_gone_is_looked_up_again(names: Names) -> None:
    resolver = Resolver(Clock())
    names.failing.add("gone")
    with pytest.raises(socket.gaierror):
        await resolver.infos("gone", 80)
    names.failing.clear()

    assert await resolver.infos("gone", 80) == FOUND
