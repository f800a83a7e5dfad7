"""Addresses go in, or what systemd passed; bound sockets come out, or one line that says why not."""

import errno
import os
import re
import socket
import stat
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager, suppress
from pathlib import Path

from exporter.errors import ExporterError
from exporter.toolkit.address import parse_address

# The first that systemd passes, see sd_listen_fds(3).
_FIRST_PASSED = 3
_PASSED = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")
# The system does not speak the protocol, or has no address of its kind: IPv6 is switched off.
_NOT_HERE = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)
# A new socket has mode 0777 less these: its owner and group connect, others do not.
_UMASK = 0o117
# What the system keeps of an answer for each reader. Left to itself it is 4 MiB, which counts as
# memory of the container, and a scrape is no faster for it.
_SEND_BUFFER = 262_144


class ListenError(ExporterError):
    """An address that cannot be listened on."""


@contextmanager
def bound(address: str) -> Iterator[list[socket.socket]]:
    """Bind the sockets of an address; the file of a Unix socket is removed in the end.

    Raises:
        ListenError: The address is wrong, in use or not of this machine.
    """
    place = parse_address(address)
    try:
        sockets = [_bind_unix(place)] if isinstance(place, Path) else _bind_tcp(*place)
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise ListenError(f"cannot listen on {address}: {why}") from None
    made = _identity(place) if isinstance(place, Path) else None
    try:
        yield sockets
    finally:
        for one in sockets:
            one.close()
        # Whoever replaced the file keeps his own.
        if isinstance(place, Path) and made is not None and _identity(place) == made:
            with suppress(OSError):
                place.unlink()


def passed(environ: MutableMapping[str, str]) -> list[socket.socket]:
    """Take over the sockets that systemd bound for this process.

    Raises:
        ListenError: There are none, or one of them cannot be listened on.
    """
    pid, number, _ = (environ.pop(name, "") for name in _PASSED)
    many = int(number) if re.fullmatch("[0-9]{1,3}", number) else 0
    if pid != str(os.getpid()) or not many:
        raise ListenError("cannot listen: --web.systemd-socket is given, and no socket was passed")
    return [_passed(_FIRST_PASSED + at) for at in range(many)]


def written(one: socket.socket) -> str:
    """Write where the socket listens the way an address is given."""
    name = one.getsockname()
    if one.family == socket.AF_UNIX:
        return f"unix:{os.fsdecode(name)}"
    host, port = name[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _passed(number: int) -> socket.socket:
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
    """Bind each address of the host: without one, every address of IPv4 and of IPv6."""
    if host is None:
        places = [(socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")]  # noqa: S104 - as told
    else:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        places = list(dict.fromkeys((family, str(name[0])) for family, *_, name in found))
    sockets = list[socket.socket]()
    missing: OSError | None = None
    try:
        for family, name in places:
            try:
                sockets.append(_bind(family, name, port))
            except OSError as error:
                if error.errno not in _NOT_HERE:
                    raise
                missing = missing or error
            else:
                # Where the system chooses the port, it is one for all.
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
            # IPv4 has a socket of its own, so that peers have the addresses they are known by.
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind((host, port))
        # Two may bind one port as long as neither listens.
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
    """Remove the socket of a process that is gone; that of a live one is in use."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as one:
        one.setblocking(False)
        try:
            one.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
        except (BlockingIOError, PermissionError):
            pass  # Its queue is full, or it is somebody else's: it lives, as far as one can know.
    raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
