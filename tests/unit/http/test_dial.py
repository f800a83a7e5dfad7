"""The addresses of a name: the first that accepts is used, and the others cost little."""

import asyncio
import errno
import socket
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from exporter.http import dial
from exporter.http.dial import Dial
from exporter.http.multiplexer import Multiplexer
from exporter.http.resolve import Address

SILENT: Address = (socket.AF_INET6, ("2001:db8::1", 80, 0, 0))
REFUSED: Address = (socket.AF_INET6, ("2001:db8::2", 80, 0, 0))
ACCEPTS: Address = (socket.AF_INET, ("192.0.2.1", 80))


class Network:
    """Stands in for `connect`: attempts that hang, fail or succeed, by address."""

    def __init__(self) -> None:
        self.multiplexer = Multiplexer()
        self.attempts: list[socket.socket] = []
        self.most = 0
        self._others: list[socket.socket] = []

    def connecting(self, family: int, address: object) -> socket.socket:
        if (family, address) == REFUSED:
            raise OSError(errno.ECONNREFUSED, "")
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        if (family, address) == SILENT:
            with suppress(BlockingIOError):
                while True:
                    ours.send(b" " * 65536)  # Until it is never writable again.
        self._others.append(theirs)
        self.attempts.append(ours)
        self.most = max(self.most, sum(one.fileno() >= 0 for one in self.attempts))
        return ours

    async def dial(self, *addresses: Address) -> socket.socket | OSError:
        done: asyncio.Future[socket.socket | OSError] = asyncio.get_running_loop().create_future()
        Dial(self.multiplexer, addresses, done.set_result).try_next()
        async with asyncio.timeout(60):
            return await done

    def close(self) -> None:
        self.multiplexer.close()
        for one in (*self.attempts, *self._others):
            one.close()


@pytest.fixture
async def network(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Network]:
    one = Network()
    monkeypatch.setattr(dial, "_connecting_socket", one.connecting)
    yield one
    one.close()


async def test_an_address_that_refuses_is_followed_by_the_next(network: Network) -> None:
    made = await network.dial(REFUSED, ACCEPTS)

    assert network.attempts == [made]


async def test_an_address_that_is_silent_does_not_keep_the_others_waiting(
    network: Network,
) -> None:
    made = await network.dial(SILENT, ACCEPTS)
    silent, accepted = network.attempts

    assert made is accepted
    assert silent.fileno() < 0
    assert len(network.multiplexer) == 0


async def test_where_all_addresses_refuse_the_error_is_the_last_one(network: Network) -> None:
    error = await network.dial(REFUSED, REFUSED)

    assert isinstance(error, OSError)
    assert error.errno == errno.ECONNREFUSED


async def test_a_crash_of_the_callback_is_logged_alone(
    network: Network, caplog: pytest.LogCaptureFixture
) -> None:
    def crash(_made: socket.socket | OSError) -> None:
        raise LookupError

    escaped = list[dict[str, object]]()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: escaped.append(context))
    Dial(network.multiplexer, (ACCEPTS,), crash).try_next()
    async with asyncio.timeout(60):
        while not caplog.messages:
            await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert caplog.messages == ["connection crashed"]
    assert escaped == []


async def test_a_name_of_many_silent_addresses_takes_few_open_files(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dial, "_NEXT_ADDRESS_SECONDS", 0.001)
    # Of the same version, since IPv4 and IPv6 take turns.
    made = await network.dial(*[SILENT] * 100, (socket.AF_INET6, ("2001:db8::3", 80, 0, 0)))

    assert isinstance(made, socket.socket)
    assert len(network.attempts) > 100
    assert network.most <= 8
