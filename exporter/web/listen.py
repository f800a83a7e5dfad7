"""An application and addresses go in; a site that answers there comes out, and ends in time."""

import asyncio
import os
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from inspect import signature
from typing import Any

from aiohttp import web

from exporter.web.connection import GUARD, factory
from exporter.web.handshake import accept
from exporter.web.sockets import ListenError, bound, passed, written

__all__ = ["PASSED", "ListenError", "listening"]

PASSED = "systemd"
"""Stands for the sockets that systemd passed, in place of an address."""

# What a scrape that is under way at the end may still take.
_GRACE_SECONDS = 3.0
# Once their connections are gone, handlers end by themselves.
_END_SECONDS = 1.0


@asynccontextmanager
async def listening(
    app: web.Application,
    addresses: Sequence[str],
    *,
    tls: ssl.SSLContext | None = None,
    grace: float = _GRACE_SECONDS,
) -> AsyncIterator[list[str]]:
    """Serve the application for as long as the context is open; yields the addresses as they are.

    Raises:
        ListenError: An address is wrong or in use.
    """
    async with AsyncExitStack() as stack:
        sockets = list[socket.socket]()
        for address in addresses:
            if address == PASSED:
                sockets += passed(os.environ)
            else:
                sockets += stack.enter_context(bound(address))
        inbound = app.get(GUARD)
        assert inbound or not tls  # noqa: S101 - only who is attended to has TLS
        end = _END_SECONDS if inbound else grace
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=end)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        assert runner.server is not None  # noqa: S101 - `setup` made it
        names = [written(one) for one in sockets]
        if inbound is None:
            for one in sockets:
                stack.callback((await _serve(runner.server, one)).close)
        else:
            stack.push_async_callback(inbound.drain, grace)
            sweeping = asyncio.create_task(inbound.sweep())
            stack.callback(sweeping.cancel)
            make = factory(runner.server, inbound)
            for one in sockets:
                if tls:
                    accepting = asyncio.create_task(accept(one, make, tls, inbound))
                    stack.callback(accepting.cancel)
                else:
                    stack.callback((await _serve(make, one)).close)
        yield names


async def _serve(make: Callable[[], asyncio.Protocol], one: socket.socket) -> asyncio.Server:
    loop = asyncio.get_running_loop()
    if one.family != socket.AF_UNIX:
        return await loop.create_server(make, sock=one)
    options: dict[str, Any] = {}
    # From Python 3.13 on the loop removes the file of a socket that it closes, and does not start
    # where it cannot look it up. `bound` removes what it bound; a passed one is systemd's to keep.
    if "cleanup_socket" in signature(loop.create_unix_server).parameters:
        options["cleanup_socket"] = False
    return await loop.create_unix_server(make, sock=one, **options)
