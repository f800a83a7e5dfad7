"""Servers on loopback that behave as they are told, and what came of asking them."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from conftest import response

from exporter.errors import PollError
from exporter.poll.snapshot import Poll

BODY = b'{"mode":"production"}'
HEALTHY = response(BODY)
OK = "ok"

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def result(poll: Poll) -> str:
    return str(poll.outcome) if isinstance(poll.outcome, PollError) else OK


def mode(poll: Poll) -> str:
    """Return the mode that the answer named."""
    assert not isinstance(poll.outcome, PollError), poll.outcome
    return next(one.labels[0][1] for one in poll.outcome.samples if one.value == 1.0)


_RESERVED = list[socket.socket]()


def unused_port() -> int:
    """Reserve a port of loopback on which nothing listens, for as long as the tests run.

    The system gives it to no other process. A server that sets SO_REUSEADDR can listen on it.
    """
    one = socket.socket()
    _RESERVED.append(one)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.bind(("127.0.0.1", 0))
    return int(one.getsockname()[1])


@asynccontextmanager
async def serving(handler: Handler, port: int = 0) -> AsyncIterator[str]:
    """Serve connections with the handler; a client that leaves is no fault."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handler(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", port)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
