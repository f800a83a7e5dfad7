"""Servers whose answers cost a poller as much as they can: `python -m soak.hostile`.

The first line of standard output is the port. Each target below has a path of its own:

/keys/N      an object with very many short keys, of N bytes
/stall/N     N bytes of an answer of one byte more, which never comes
/items       a list of 1,000 items with 19 numbers and a long label each
/late/N      the number N, and after a while a second answer on the same connection, with -1
"""

import asyncio
import json
import sys
from contextlib import suppress
from typing import Any

HOST = "127.0.0.1"
MAX_BODY = 2**20
ITEMS = 1000
GAUGES = 19
STRAY_VALUE = -1
# No multiple of the exporter's tick: if a request is under way when the second answer comes, no
# client can tell which of the two it belongs to.
_LATE_SECONDS = 0.37
_LABEL = "a long text of the kind that vendors put into names " * 4

TARGETS = {
    "keys-28000": "/keys/250000",
    "keys-56000": "/keys/500000",
    "keys-97000": "/keys/900000",
    "keys-111000": f"/keys/{MAX_BODY}",
    **{f"stall-{number}": f"/stall/{MAX_BODY - 1}" for number in range(3)},
    "items": "/items",
    **{f"late-{number}": f"/late/{number}" for number in range(4)},
}
"""The path of each target."""

REFUSED = frozenset(name for name in TARGETS if name.startswith("stall-")) | {"keys-111000"}
"""The targets that are never up: they exceed the timeout, or the number of values."""

DECLARATION: dict[str, Any] = {
    "soak": {
        "title": "A server with one number",
        "url_help": "the server",
        "params": {"path": {"help": "The kind of answer."}, "size": {"help": "Its size."}},
        "endpoints": [
            {
                "path": "/{path}/{size}",
                "fields": [{"gauge": "soak_value", "path": "/value", "help": "The value."}],
            }
        ],
    },
    "soak_items": {
        "title": "A server with many items",
        "url_help": "the server",
        "endpoints": [
            {
                "path": "/items",
                "fields": [
                    {
                        "each": "/items",
                        "labels": {"name": "/name"},
                        "fields": [
                            {
                                "gauge": f"soak_items_{number}",
                                "path": f"/v{number}",
                                "help": "A value.",
                            }
                            for number in range(GAUGES)
                        ],
                    }
                ],
            }
        ],
    },
}


def targets(port: int) -> list[dict[str, Any]]:
    """Return the targets in the configuration's words."""
    return [_target(name, path, port) for name, path in TARGETS.items()]


def _target(name: str, path: str, port: int) -> dict[str, Any]:
    target: dict[str, Any] = {"name": name, "system": "soak_items", "url": f"http://{HOST}:{port}"}
    _, kind, *size = path.split("/")
    if size:
        target |= {"system": "soak", "params": {"path": kind, "size": size[0]}}
    return target


def _keys(size: int) -> bytes:
    """Return an object with short keys, of exactly that many bytes."""
    parts = ['{"value":1']
    length = len(parts[0])
    # Room for the last key and the end.
    while length < size - 20:
        parts.append(f',"{len(parts):x}":1')
        length += len(parts[-1])
    return ("".join(parts) + "}").ljust(size).encode()


def _items() -> bytes:
    numbers = {f"v{number}": number for number in range(GAUGES)}
    items = [{"name": f"{number} {_LABEL}", **numbers} for number in range(ITEMS)]
    return json.dumps({"items": items}).encode()


def _answer(body: bytes, more: int = 0) -> bytes:
    head = (
        f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body) + more}"
    )
    return f"{head}\r\n\r\n".encode() + body


_STRAY = _answer(json.dumps({"value": STRAY_VALUE}).encode())


class Site:
    """Answers the requests; each answer is built once."""

    def __init__(self) -> None:
        self._answers = {path: _build(path) for path in TARGETS.values()}

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of a connection until it ends."""
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                request = await reader.readuntil(b"\r\n\r\n")
                path = request.split(b" ", 2)[1].decode()
                writer.write(self._answers[path])
                await writer.drain()
                if path.startswith("/late/"):
                    # The connection is idle by then, or has the request of another target.
                    asyncio.get_running_loop().call_later(_LATE_SECONDS, writer.write, _STRAY)
        writer.close()


def _build(path: str) -> bytes:
    _, kind, *size = path.split("/")
    if kind == "keys":
        return _answer(_keys(int(size[0])))
    if kind == "stall":
        return _answer(b'{"value":1'.ljust(int(size[0])), more=1)
    if kind == "late":
        return _answer(json.dumps({"value": int(size[0])}).encode())
    return _answer(_items())


async def main() -> None:
    """Serve until the process is ended."""
    server = await asyncio.start_server(Site().connected, HOST, 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
