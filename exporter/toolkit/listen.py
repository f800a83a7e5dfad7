"""Serves an application at addresses; shutting down takes bounded time."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from aiohttp import web

from exporter.toolkit.accept import Acceptor
from exporter.toolkit.connection import connection_factory
from exporter.toolkit.protection import PROTECTION
from exporter.toolkit.sockets import bind_sockets, format_address, passed_sockets

PASSED = "systemd"
"""Means the sockets that systemd passed, instead of an address."""

# How long current scrapes may take at shutdown.
_GRACE_SECONDS = 3.0
# Once their connections are closed, handlers end by themselves.
_END_SECONDS = 1.0


@asynccontextmanager
async def listening(
    app: web.Application, addresses: Sequence[str], *, grace: float = _GRACE_SECONDS
) -> AsyncIterator[list[str]]:
    """Serve the application while the context is open; yield the actual addresses.

    The limits and TLS of `protect` apply, if that was called; `grace` is in seconds.

    Raises:
        WebConfigError: An address is invalid.
        ListenError: An address cannot be used.
    """
    async with AsyncExitStack() as stack:
        sockets = list[socket.socket]()
        for address in addresses:
            if address == PASSED:
                sockets += passed_sockets(os.environ)
            else:
                sockets += stack.enter_context(bind_sockets(address))
        protection = app.get(PROTECTION)
        end = _END_SECONDS if protection else grace
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=end)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        names = [format_address(one) for one in sockets]
        if protection is None:
            for one in sockets:
                await web.SockSite(runner, one).start()
        else:
            assert runner.server is not None  # noqa: S101 - `setup` made it
            limiter, guard = protection.limiter, protection.guard
            acceptor = Acceptor(
                make_protocol=connection_factory(runner.server, limiter, protection.headers),
                limiter=limiter,
                tls=guard.ssl_context if guard else None,
            )
            stack.push_async_callback(limiter.drain, grace)
            stack.callback(asyncio.create_task(limiter.close_late()).cancel)
            for one in sockets:
                stack.callback(asyncio.create_task(acceptor.accept(one)).cancel)
            # A task that is cancelled before it runs would not close its socket.
            await asyncio.sleep(0)
        yield names
