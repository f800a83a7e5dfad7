"""Sockets that systemd passes."""

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from exporter.web.listen import PASSED, ListenError, listening
from exporter.web.sockets import passed, written
from support.raw_requests import listeners, site


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"LISTEN_FDS": "1"},
        {"LISTEN_FDS": "1", "LISTEN_PID": "1"},
        {"LISTEN_FDS": "0", "LISTEN_PID": str(os.getpid())},
        {"LISTEN_FDS": "-1", "LISTEN_PID": str(os.getpid())},
        {"LISTEN_FDS": "9" * 5000, "LISTEN_PID": str(os.getpid())},
        {"LISTEN_FDS": "x", "LISTEN_PID": "x"},
    ],
)
def test_sockets_of_another_process_are_not_taken(environ: dict[str, str]) -> None:
    with pytest.raises(ListenError, match="no socket was passed"):
        passed(environ | {"LISTEN_FDNAMES": "a"})


def test_the_variables_of_systemd_are_cleared() -> None:
    environ = {"LISTEN_FDS": "1", "LISTEN_PID": "1", "LISTEN_FDNAMES": "a", "HOME": "/"}
    with pytest.raises(ListenError):
        passed(environ)

    assert environ == {"HOME": "/"}


async def test_passed_sockets_are_told_as_addresses(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tcp, unix = listeners(tmp_path)
    monkeypatch.setattr("exporter.web.listen.passed", lambda _environ: [tcp, unix])
    names = [written(tcp), written(unix)]
    async with listening(site(), [PASSED]) as addresses:
        assert addresses == names


async def test_the_file_of_a_passed_unix_socket_stays(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    loop = asyncio.get_running_loop()
    create_unix_server = loop.create_unix_server
    removed = list[bool]()

    # With the parameter that loops of Python 3.13 have, whichever Python this is.
    async def create(make: Any, *, sock: Any, cleanup_socket: bool = True) -> asyncio.Server:
        removed.append(cleanup_socket)
        return await create_unix_server(make, sock=sock)

    tcp, unix = listeners(tmp_path)
    monkeypatch.setattr("exporter.web.listen.passed", lambda _environ: [tcp, unix])
    monkeypatch.setattr(loop, "create_unix_server", create)
    async with listening(site(), [PASSED]):
        pass

    assert removed == [False]
