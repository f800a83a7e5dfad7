"""Listening sockets: of addresses, or passed by systemd."""

import errno
import os
import re
import socket
import stat
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager, suppress
from pathlib import Path

from exporter.toolkit.exceptions import ListenError, WebConfigError

# The first that systemd passes, see sd_listen_fds(3).
_FIRST_PASSED = 3
_PASSED = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")
_HIGHEST_PORT = 65535
_UNIX = "unix:"
# The system does not support the protocol, or has no address of its kind: IPv6 is switched off.
_UNSUPPORTED = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)
# Owner and group may connect to a new socket, others may not.
_UMASK = 0o117
# What the kernel buffers of a response for each client. Its default is up to 4 MiB, which counts as
# memory of the container and makes no scrape faster.
_SEND_BUFFER = 262_144


def parse_address(address: str) -> tuple[str | None, int] | Path:
    """Return host and port of `:9100`, `127.0.0.1:9100` or `[::1]:9100`, or the path of `unix:/path`.

    Raises:
        WebConfigError: The address is invalid.
    """
    if address.startswith(_UNIX):
        path = address.removeprefix(_UNIX)
        if not path.startswith("/") or path.endswith("/") or "\0" in path:
            raise WebConfigError(f"{address}: not a socket such as unix:/run/exporter.sock")
        return Path(path)
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal() or not port.isascii() or int(port) > _HIGHEST_PORT:
        raise WebConfigError(f"{address}: not an address such as :9100 or 127.0.0.1:9100")
    return host.removeprefix("[").removesuffix("]") or None, int(port)


@contextmanager
def bind_sockets(address: str) -> Iterator[list[socket.socket]]:
    """Bind the sockets of an address; the file of a Unix socket is removed at the end.

    Raises:
        WebConfigError: The address is invalid.
        ListenError: The address is in use, or not of this machine.
    """
    parsed = parse_address(address)
    path = parsed if isinstance(parsed, Path) else None
    try:
        sockets = [_bind_unix(parsed)] if isinstance(parsed, Path) else _bind_tcp(*parsed)
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise ListenError(f"cannot listen on {address}: {why}") from None
    made = _identity(path) if path else None
    try:
        yield sockets
    finally:
        for one in sockets:
            one.close()
        # Another process may have replaced the file by its own.
        if path and made is not None and _identity(path) == made:
            with suppress(OSError):
                path.unlink()


def passed_sockets(environ: MutableMapping[str, str]) -> list[socket.socket]:
    """Return the sockets that systemd bound for this process.

    Raises:
        ListenError: No socket was passed, or one of them does not listen.
    """
    pid, number, _ = (environ.pop(name, "") for name in _PASSED)
    count = int(number) if re.fullmatch("[0-9]{1,3}", number) else 0
    if pid != str(os.getpid()) or not count:
        raise ListenError("cannot listen: --web.systemd-socket is given, and no socket was passed")
    return [_adopt_socket(_FIRST_PASSED + index) for index in range(count)]


def format_address(one: socket.socket) -> str:
    """Return the address of a listening socket in the form that `parse_address` reads."""
    name = one.getsockname()
    if one.family == socket.AF_UNIX:
        return f"unix:{os.fsdecode(name)}"
    return authority(*name[:2])


def authority(host: str, port: int | None) -> str:
    """Return host and port as in a URL, where an IPv6 address is in brackets."""
    bracketed = f"[{host}]" if ":" in host else host
    return bracketed if port is None else f"{bracketed}:{port}"


def _adopt_socket(number: int) -> socket.socket:
    try:
        os.set_inheritable(number, False)
        one = socket.socket(fileno=number)
        listens = one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    except OSError as error:
        raise ListenError(f"cannot listen on passed socket {number}: {error.strerror}") from None
    families = (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX)
    if one.type != socket.SOCK_STREAM or one.family not in families or not listens:
        raise ListenError(
            f"cannot listen on passed socket {number}: not a listening TCP or Unix socket"
        )
    return one


def _bind_tcp(host: str | None, port: int) -> list[socket.socket]:
    """Bind each address of the host; no host and `::` mean every address of IPv4 and of IPv6."""
    if host in {None, "::"}:  # To Go's listeners, too, [::] includes IPv4.
        addresses = [(socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")]  # noqa: S104 - as configured
    else:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        addresses = list(dict.fromkeys((family, str(name[0])) for family, *_, name in found))
    sockets = list[socket.socket]()
    missing: OSError | None = None
    try:
        for family, name in addresses:
            try:
                sockets.append(_bind(family, name, port))
            except OSError as error:
                if error.errno not in _UNSUPPORTED:
                    raise
                missing = missing or error
            else:
                # If the system chooses the port, all sockets have the same.
                port = sockets[-1].getsockname()[1]
    except OSError:
        for one in sockets:
            one.close()
        raise
    if missing and not sockets:
        raise missing
    return sockets


def _bind(family: int, host: str, port: int) -> socket.socket:
    one = socket.socket(family, socket.SOCK_STREAM)
    try:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        if family == socket.AF_INET6:
            # IPv4 has a socket of its own, so that clients have their IPv4 addresses.
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind((host, port))
        # Two processes may bind one port as long as neither listens.
        one.listen()
    except OSError:
        one.close()
        raise
    return one


def _bind_unix(path: Path) -> socket.socket:
    with suppress(FileNotFoundError):
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise OSError(errno.EEXIST, "there is a file of this name that is no socket")
        _remove_stale(path)
    one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(_UMASK)
    try:
        one.bind(str(path))
        one.listen()
    except OSError:
        one.close()
        raise
    finally:
        os.umask(before)
    return one


def _remove_stale(path: Path) -> None:
    """Remove the socket of a process that ended; raise OSError if it is in use."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as one:
        one.setblocking(False)
        try:
            one.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
        except (BlockingIOError, PermissionError):
            pass  # Its queue is full, or it is another user's: it may be in use.
    raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
