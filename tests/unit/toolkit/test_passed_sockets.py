"""Sockets that systemd passes."""

import os
from pathlib import Path

import pytest

from exporter.toolkit.exceptions import ListenError
from exporter.toolkit.listen import PASSED, listening
from exporter.toolkit.sockets import format_address, passed_sockets
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
        passed_sockets(environ | {"LISTEN_FDNAMES": "a"})


def test_the_variables_of_systemd_are_cleared() -> None:
    environ = {"LISTEN_FDS": "1", "LISTEN_PID": "1", "LISTEN_FDNAMES": "a", "HOME": "/"}
    with pytest.raises(ListenError):
        passed_sockets(environ)

    assert environ == {"HOME": "/"}


async def test_passed_sockets_are_listed_as_addresses(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tcp, unix = listeners(tmp_path)
    monkeypatch.setattr("exporter.toolkit.listen.passed_sockets", lambda _environ: [tcp, unix])
    names = [format_address(tcp), format_address(unix)]
    async with listening(site(), [PASSED]) as addresses:
        assert addresses == names
