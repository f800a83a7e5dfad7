"""Where `demo` listens."""

import socket

import pytest
from aiohttp import web

from exporter.cli.demo_command import _listening


async def test_a_free_port_replaces_a_default_port_in_use(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        default = f"127.0.0.1:{taken.getsockname()[1]}"
        async with _listening(web.Application(), [], default, "--flag") as (address,):
            host, _, port = address.rpartition(":")
            socket.create_connection((host, int(port))).close()

    assert host == "127.0.0.1"
    assert address != default
    assert capsys.readouterr().out == (
        f"cannot listen on {default}: Address already in use; using a free port instead\n"
    )
