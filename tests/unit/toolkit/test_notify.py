"""Messages to systemd, over the socket that it names."""

import asyncio
import socket
import time
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest

from exporter.telemetry import Telemetry
from exporter.toolkit.notify import Supervisor, supervisor_of


def test_systemd_gets_each_state_of_the_service(inbox: tuple[socket.socket, str]) -> None:
    box, address = inbox
    supervisor = supervisor_of({"NOTIFY_SOCKET": address}, 1)
    before = time.monotonic_ns() // 1000
    supervisor.ready("polling 3 targets")
    supervisor.reloading()
    supervisor.stopping()
    ready, reloading, stopping = (box.recv(4096).decode() for _ in range(3))
    state, _, moment = reloading.partition("\nMONOTONIC_USEC=")

    assert ready == "READY=1\nSTATUS=polling 3 targets"
    assert state == "RELOADING=1"
    assert before <= int(moment) <= time.monotonic_ns() // 1000
    assert stopping == "STOPPING=1\nSTATUS=stopping"


@pytest.mark.parametrize(
    "address", ["", "/nosuch/notify", "@nosuch", "relative", "/\0", "/" + "x" * 300]
)
def test_a_broken_socket_does_no_harm(address: str) -> None:
    supervisor_of({"NOTIFY_SOCKET": address}, 1).ready("polling")
    Supervisor(address=address).stopping()


def test_a_full_socket_does_no_harm(tmp_path: Path) -> None:
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one:
        one.bind(path)
        for _ in range(2000):  # More than a queue that is not read can hold.
            Supervisor(address=path).ready("polling")
        one.setblocking(False)
        held = 0
        with suppress(BlockingIOError):
            while one.recv(4096):
                held += 1

    assert 0 < held < 2000


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "7"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "8"}, 0.0),
        ({"WATCHDOG_USEC": "-1"}, 0.0),
        ({"WATCHDOG_USEC": "9" * 5000}, 0.0),
        ({"WATCHDOG_USEC": "x"}, 0.0),
        ({}, 0.0),
    ],
)
def test_the_watchdog_is_the_one_of_this_process(environ: dict[str, str], seconds: float) -> None:
    found = supervisor_of(environ | {"NOTIFY_SOCKET": "@a"}, 7)

    assert found.watchdog_seconds == seconds


async def test_the_watchdog_is_not_fed_without_progress(tmp_path: Path) -> None:
    path = str(tmp_path / "notify")
    now, ticks = [0.0], [0.0]

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one:
        one.bind(path)
        one.setblocking(False)

        def signs() -> int:
            for number in count():
                try:
                    assert one.recv(4096) == b"WATCHDOG=1"
                except BlockingIOError:
                    return number
            raise AssertionError

        async def look() -> int:
            """Let the watchdog look several times."""
            signs()
            rounds[0] = 0
            async with asyncio.timeout(60):
                while rounds[0] < 3:
                    await asyncio.sleep(0.001)
            return signs()

        rounds = [0]

        def seen() -> float:
            rounds[0] += 1
            return ticks[0]

        supervisor = Supervisor(address=path, watchdog_seconds=0.01)
        watching = asyncio.create_task(supervisor.watch(seen, lambda: now[0]))
        assert await look() > 0
        now[0] = 100.0  # And no tick since.
        await look()
        assert await look() == 0
        ticks[0] = 1.0
        assert await look() > 0
        watching.cancel()


def test_a_tick_of_the_schedule_is_counted() -> None:
    telemetry = Telemetry()
    before = telemetry.ticks()
    telemetry.loop_lag.observe(0.0)

    assert (before, telemetry.ticks()) == (0.0, 1.0)
