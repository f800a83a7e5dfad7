"""The addresses that the exporter listens on, and its messages if it cannot."""

import asyncio
import errno
import os
import re
import socket
import stat
from pathlib import Path

import pytest
import uvloop

from exporter.toolkit import sockets
from exporter.toolkit.exceptions import ListenError, WebConfigError
from exporter.toolkit.listen import listening
from exporter.toolkit.sockets import bind_sockets, parse_address
from support.raw_requests import ask, site
from support.tools import missing


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as one:
            one.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.parametrize("address", [":0", "[::]:0"])
async def test_no_host_and_its_ipv6_form_are_both_protocols(address: str) -> None:
    async with listening(site(), [address]) as addresses:
        ports = {int(one.rpartition(":")[2]) for one in addresses}

        assert len(ports) == 1
        assert addresses[0] == f"0.0.0.0:{max(ports)}"
        assert b"Healthy." in await ask(socket.AF_INET, ("127.0.0.1", max(ports)))
        if has_ipv6():
            assert addresses[1:] == [f"[::]:{max(ports)}"]
            assert b"Healthy." in await ask(socket.AF_INET6, ("::1", max(ports)))


@pytest.mark.parametrize("number", [errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL])
async def test_a_bare_port_works_without_ipv6(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    real = sockets._bind

    def bind(family: int, host: str, port: int) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(number, os.strerror(number))
        return real(family, host, port)

    monkeypatch.setattr(sockets, "_bind", bind)
    async with listening(site(), [":0"]) as (address,):
        assert address.startswith("0.0.0.0:")


def test_a_port_in_use_on_either_protocol_is_in_use() -> None:
    with bind_sockets(":0") as taken:
        port = taken[0].getsockname()[1]
        for one in taken[:-1]:
            one.close()
        with pytest.raises(
            ListenError, match=rf"^cannot listen on :{port}: Address already in use$"
        ):
            bind_sockets(f":{port}").__enter__()


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("192.0.2.1:1", "Cannot assign requested address"),
        ("nosuch.invalid:1", "Name or service not known"),
        ("a..b:1", "."),
        ("unix:/nosuch/one.sock", "No such file or directory"),
        ("unix:/" + "x" * 200, "AF_UNIX path too long"),
    ],
)
@pytest.mark.usefixtures("own_names")
def test_an_unusable_address_is_reported_in_one_line(address: str, why: str) -> None:
    with pytest.raises(ListenError) as error:
        bind_sockets(address).__enter__()

    assert re.match(f"cannot listen on {re.escape(address)}: {why}", str(error.value))
    assert "\n" not in str(error.value)


def test_a_privileged_port_is_reported_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def bind(*_: object) -> socket.socket:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(sockets, "_bind", bind)
    with pytest.raises(ListenError, match=r"^cannot listen on :80: Permission denied$"):
        bind_sockets(":80").__enter__()


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (":10125", (None, 10125)),
        ("127.0.0.1:0", ("127.0.0.1", 0)),
        ("[::1]:10125", ("::1", 10125)),
        ("localhost:80", ("localhost", 80)),
    ],
)
def test_an_address_is_read(address: str, expected: tuple[str | None, int]) -> None:
    assert parse_address(address) == expected


@pytest.mark.parametrize("address", ["10125", "localhost", ":", ":x", ":65536", ":-1", ":\u0661"])
def test_a_malformed_address_is_reported(address: str) -> None:
    with pytest.raises(WebConfigError, match="not an address such as"):
        parse_address(address)


async def test_an_address_in_use_is_reported_in_one_line() -> None:
    app, other = site(), site()
    async with listening(app, ["127.0.0.1:0"]) as (address,):
        with pytest.raises(ListenError, match=f"cannot listen on {address}: .*in use"):
            async with listening(other, [address]):
                pass


async def test_ipv6_addresses_have_brackets() -> None:
    app = site()
    try:
        async with listening(app, ["[::1]:0", "127.0.0.1:0"]) as (six, four):
            assert six.startswith("[::1]:")
            assert four.startswith("127.0.0.1:")
    except ListenError as error:
        missing(f"IPv6 on loopback: {error}")


def test_a_path_is_an_address() -> None:
    assert parse_address("unix:/run/one.sock") == Path("/run/one.sock")


@pytest.mark.parametrize("address", ["unix:", "unix:one.sock", "unix:/run/", "unix:/a\0b"])
def test_a_malformed_path_is_reported(address: str) -> None:
    with pytest.raises(WebConfigError, match="not a socket such as unix:/run/"):
        parse_address(address)


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_unix_socket_is_served_and_removed(tmp_path: Path, loop: object) -> None:
    path = tmp_path / "one.sock"

    async def served() -> None:
        async with listening(site(), [f"unix:{path}"]) as addresses:
            assert addresses == [f"unix:{path}"]
            assert stat.S_IMODE(path.stat().st_mode) == 0o660
            assert b"Healthy." in await ask(socket.AF_UNIX, str(path))

    with asyncio.Runner(loop_factory=loop) as runner:  # type: ignore[arg-type]
        runner.run(served())
    assert not path.exists()


async def test_a_stale_socket_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "one.sock"
    with socket.socket(socket.AF_UNIX) as gone:
        gone.bind(str(path))
        gone.listen()
    assert path.exists()

    async with listening(site(), [f"unix:{path}"]):
        assert b"Healthy." in await ask(socket.AF_UNIX, str(path))


async def test_a_socket_in_use_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "one.sock"
    async with listening(site(), [f"unix:{path}"]):
        with pytest.raises(ListenError, match=f"cannot listen on unix:{path}: .*in use"):
            async with listening(site(), [f"unix:{path}"]):
                pass
        assert b"Healthy." in await ask(socket.AF_UNIX, str(path))


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_a_file_that_is_no_socket_is_not_touched(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "one.sock"
    if kind == "folder":
        path.mkdir()
    elif kind == "file":
        path.write_text("precious", encoding="utf-8")
    else:
        path.symlink_to(tmp_path / "nothing")
    with pytest.raises(ListenError, match="a file of this name that is no socket"):
        bind_sockets(f"unix:{path}").__enter__()

    assert os.path.lexists(path)


def test_a_socket_that_was_replaced_meanwhile_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "one.sock"
    with bind_sockets(f"unix:{path}"):
        os.link(path, tmp_path / "held")  # Its number is not given away again.
        path.unlink()
        path.write_text("another's", encoding="utf-8")

    assert path.exists()
