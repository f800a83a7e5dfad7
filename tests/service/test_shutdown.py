"""How the service ends: responses are complete, and no client delays the end."""

import asyncio
import signal
import socket
import subprocess
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from exporter.toolkit.connection_limits import Limits
from support.process import ONE_TARGET, fetch, started
from support.raw_requests import HEALTHY, LAST_SCRAPE, PIECE, PIECES, SCRAPE, enlarge, opened

LABELS = ", ".join(f"{name}: '{'x' * 1000}'" for name in "abcde")
"""Of many targets they are more than the buffers between two processes hold."""


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    enlarge(monkeypatch)


@pytest.mark.usefixtures("large")
async def test_a_scrape_is_complete_if_the_service_ends_during_it() -> None:
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(opened(Limits(), grace=60.0))
        reader, writer = await port.connect(LAST_SCRAPE)
        await reader.readexactly(1)
        port._open.clear()
        ending = asyncio.create_task(stack.aclose())
        await asyncio.sleep(0)
        parts = [b""]
        while part := await reader.read(1_000_000):
            parts.append(part)
        await ending
        writer.close()

        assert b"".join(parts).count(PIECE) == PIECES


@pytest.mark.usefixtures("large")
async def test_stalled_readers_do_not_delay_the_end() -> None:
    # No connection is closed before all are open.
    limits = Limits(connections=2000, head=600.0, response=600.0)
    async with opened(limits, grace=0.1) as port:
        for number in range(1000):
            await port.connect(SCRAPE if number % 25 == 0 else HEALTHY if number % 2 else b"G")
        await port.until(lambda: len(port.limiter) == 1000)
    # `opened` ends in time, or raises.

    assert len(port.limiter) == 0


@pytest.fixture
def busy_config(tmp_path: Path) -> Path:
    """Configure a page that is larger than the buffers between two processes."""
    lines = (
        f"- {{name: t{number}, system: genesys_ucs, url: 'http://127.0.0.1:1',"
        f" labels: {{{LABELS}}}}}"
        for number in range(100)
    )
    path = tmp_path / "config.yaml"
    path.write_text("\n".join(["targets:", *lines, ""]), encoding="utf-8")
    return path


def stalled(address: str, many: int) -> list[socket.socket]:
    """Scrape so many times at once, and read nothing but the beginning."""
    host, _, port = address.rpartition(":")
    opened = list[socket.socket]()
    for _ in range(many):
        one = socket.socket()
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.settimeout(60)
        one.connect((host, int(port)))
        one.sendall(SCRAPE)
        opened.append(one)
    return opened


def test_a_signal_ends_the_program_despite_stalled_readers(busy_config: Path) -> None:
    flags = ("--config.file", str(busy_config), "--web.listen-address", "127.0.0.1:0")
    with started(*flags) as (process, address):
        wait_until_ready(address)
        host, _, port = address.rpartition(":")
        held = [socket.create_connection((host, int(port))) for _ in range(150)]
        held += stalled(address, 20)
        for one in held[150:]:
            one.recv(1)
        page = fetch(f"http://{address}/metrics")
        process.send_signal(signal.SIGTERM)

        assert process.wait(timeout=60) == 0
        for one in held:
            one.close()
    assert page.count("status_exporter_target_up{") == 100


def test_a_second_signal_ends_the_program_at_once(busy_config: Path) -> None:
    flags = ("--config.file", str(busy_config), "--web.listen-address", "127.0.0.1:0")
    with started(*flags) as (process, address):
        wait_until_ready(address)
        (one,) = stalled(address, 1)
        one.recv(1)
        process.send_signal(signal.SIGTERM)
        assert process.stdout is not None
        while "msg=stopping" not in process.stdout.readline():
            pass
        process.send_signal(signal.SIGINT)

        assert process.wait(timeout=60) == -signal.SIGINT
        one.close()


def test_a_hanging_vendor_does_not_delay_the_end(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    with socket.socket() as vendor:
        vendor.bind(("127.0.0.1", 0))
        vendor.listen()
        url = f"http://127.0.0.1:{vendor.getsockname()[1]}"
        config.write_text(
            f"global: {{interval: 2h, timeout: 1h}}\n"
            f"targets:\n- {{name: a, system: genesys_ucs, url: '{url}'}}\n",
            encoding="utf-8",
        )
        flags = ("--config.file", str(config), "--web.listen-address", "127.0.0.1:0")
        with started(*flags) as (process, _):
            vendor.settimeout(60)
            connection, _ = vendor.accept()  # It is polled, and never answers.
            process.send_signal(signal.SIGTERM)

            assert process.wait(timeout=60) == 0
            connection.close()


def wait_until_ready(address: str) -> None:
    host, _, port = address.rpartition(":")
    answer = b""
    while b"\nReady." not in answer:
        with socket.create_connection((host, int(port)), timeout=60) as one:
            one.sendall(b"GET /-/ready HTTP/1.0\r\n\r\n")
            answer = one.recv(4096)


def test_an_early_sighup_does_not_end_the_program(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(ONE_TARGET, encoding="utf-8")
    flags = ("--config.file", str(config), "--web.listen-address", "127.0.0.1:0")
    with subprocess.Popen(
        [sys.executable, "-m", "exporter", *flags], stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        first = process.stderr.readline()
        process.send_signal(signal.SIGHUP)
        second = process.stderr.readline()
        process.kill()

    assert "starting" in first
    assert "listening" in second
