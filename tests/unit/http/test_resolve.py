"""Host names: one silent name server holds up its own names and nothing else."""

import asyncio
import socket
import threading
from collections import Counter
from typing import Any

import pytest

from exporter.clock import Clock
from exporter.http.resolve import Address, LookUpResult, Resolver, literal_address

FOUND: list[Any] = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 80))]
NUMBER, INTERFACE = socket.if_nameindex()[0]
ADDRESSES = ((socket.AF_INET, ("127.0.0.1", 80)),)


async def look_up(resolver: Resolver, host: str) -> tuple[Address, ...]:
    """Wait for the addresses of a host, or raise why there are none."""
    waiter: asyncio.Future[LookUpResult] = asyncio.get_running_loop().create_future()

    def on_found(found: LookUpResult) -> None:
        if not waiter.done():
            waiter.set_result(found)

    resolver.look_up(host, 80, on_found)
    found = await waiter
    if not isinstance(found, tuple):
        raise found
    return found


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
    waiting = [asyncio.create_task(look_up(resolver, f"slow-{at}")) for at in range(20)]
    await asyncio.sleep(0)

    assert await look_up(resolver, "good") == ADDRESSES
    assert not any(task.done() for task in waiting)
    names.silent.set()
    assert await asyncio.gather(*waiting) == [ADDRESSES] * 20


async def test_a_name_is_looked_up_once_for_all_who_ask(names: Names) -> None:
    resolver = Resolver(Clock())
    await asyncio.gather(*(look_up(resolver, "good") for _ in range(50)))
    await look_up(resolver, "good")

    assert names.asked == {"good": 1}


async def test_who_no_longer_waits_takes_nothing_from_the_others(names: Names) -> None:
    resolver = Resolver(Clock())
    gone = asyncio.create_task(look_up(resolver, "slow"))
    stays = asyncio.create_task(look_up(resolver, "slow"))
    await asyncio.sleep(0)
    gone.cancel()
    names.silent.set()

    assert await stays == ADDRESSES


async def test_the_last_addresses_serve_while_new_ones_are_looked_up(names: Names) -> None:
    now = [0.0]
    resolver = Resolver(Clock(monotonic=lambda: now[0]))
    names.silent.set()
    await look_up(resolver, "slow")
    names.silent.clear()
    now[0] = 3600.0

    assert await look_up(resolver, "slow") == ADDRESSES
    names.silent.set()


async def test_a_name_that_is_gone_is_looked_up_again(names: Names) -> None:
    resolver = Resolver(Clock())
    names.failing.add("gone")
    with pytest.raises(socket.gaierror):
        await look_up(resolver, "gone")
    names.failing.clear()

    assert await look_up(resolver, "gone") == ADDRESSES


@pytest.mark.usefixtures("names")
async def test_a_thread_that_cannot_start_fails_one_look_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    resolver = Resolver(Clock())
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", start)
        with pytest.raises(OSError, match="no thread"):
            await look_up(resolver, "good")

    assert await look_up(resolver, "good") == ADDRESSES


async def test_threads_are_bounded_and_silent_names_queue(names: Names) -> None:
    resolver = Resolver(Clock())
    before = threading.active_count()
    waiting = [asyncio.create_task(look_up(resolver, f"slow-{at}")) for at in range(200)]
    await asyncio.sleep(0)
    threads = threading.active_count() - before
    names.silent.set()
    found = await asyncio.gather(*waiting)

    assert threads <= 64
    assert found == [ADDRESSES] * 200


@pytest.mark.usefixtures("names")
async def test_names_that_are_no_longer_used_are_forgotten() -> None:
    now = [0.0]
    resolver = Resolver(Clock(monotonic=lambda: now[0]))
    for at in range(100):
        await look_up(resolver, f"old-{at}")
    now[0] = 3600.0
    await look_up(resolver, "new")

    assert len(resolver) == 1


@pytest.mark.parametrize(
    ("host", "addresses"),
    [
        ("127.0.0.1", ((socket.AF_INET, ("127.0.0.1", 80)),)),
        ("::1", ((socket.AF_INET6, ("::1", 80, 0, 0)),)),
        ("fe80::1%7", ((socket.AF_INET6, ("fe80::1", 80, 0, 7)),)),
        (f"fe80::1%{INTERFACE}", ((socket.AF_INET6, ("fe80::1", 80, 0, NUMBER)),)),
        # Names: a socket would look them up in the event loop.
        ("999.999.999.999", ()),
        ("1.2.3.4.5", ()),
        ("1.2", ()),
        ("\N{SUPERSCRIPT TWO}", ()),
    ],
)
def test_only_a_valid_address_is_used_without_a_look_up(host: str, addresses: object) -> None:
    assert literal_address(host, 80) == addresses


@pytest.mark.parametrize("host", ["::zz", "1::2::3", "fe80::1%nope", f"fe80::1%{2**32 + 1}"])
def test_an_invalid_ipv6_address_is_an_error(host: str) -> None:
    with pytest.raises(OSError, match=r"illegal IP|no interface"):
        literal_address(host, 80)
