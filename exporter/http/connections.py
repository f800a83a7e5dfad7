"""The HTTP clients and logins of all targets."""

import asyncio
from collections.abc import Callable, Coroutine
from collections.abc import Set as AbstractSet
from functools import partial

from exporter.clock import Clock
from exporter.errors import PollError, Reason
from exporter.http.client import PooledClient
from exporter.http.declared_login import DeclaredMethod
from exporter.http.message import normalized_url
from exporter.http.oauth2 import OAuth2Method
from exporter.http.pool import ConnectionPool
from exporter.http.shared_login import LoginMethod, OnLogin, SharedLogin
from exporter.settings import Client, OAuth2, Target


class Connections:
    """Creates clients and logins when a target first needs them."""

    def __init__(self, clock: Clock, *, on_login: OnLogin = lambda _client, _error: None) -> None:
        """Create no client yet.

        `on_login` is called after each login with the name of its client and the error, if any.
        """
        self._clock = clock
        self._on_login = on_login
        self.pool = ConnectionPool(clock)
        self._clients: dict[str, PooledClient] = {}
        self._logins: dict[tuple[Client, tuple[object, ...]], SharedLogin] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def client_of(self, target: Target) -> PooledClient:
        """Return the client for the requests of the target."""
        settings = target.client
        client = self._clients.get(settings.name)
        if (
            client is None
            or (client.tls_files and client.is_outdated())
            or (client.settings is not settings and client.settings != settings)
        ):
            if client is not None:
                client.retire()
            client = self._clients[settings.name] = PooledClient(settings, self.pool)
        return client

    def login(self, target: Target) -> SharedLogin | None:
        """Return the login that polls of the target need, or None."""
        settings, declaration = target.client.login, target.system.login
        if settings is None:
            return None
        # An OAuth token is valid for all targets of a client, that of another login for one server.
        scope: tuple[object, ...] = ()
        make: Callable[[], LoginMethod]
        if isinstance(settings, OAuth2):
            make = partial(OAuth2Method, target.client, settings)
        elif declaration is not None:
            sent = (target.params.get(name) for name in declaration.params)
            scope = (declaration, normalized_url(target.url), *sent)
            make = partial(DeclaredMethod, target, declaration, settings, self._clock)
        else:  # `check` reports such a client.
            raise PollError(Reason.CREDENTIALS, f"{target.system.name} declares no login")
        key = (target.client, scope)
        login = self._logins.get(key)
        if login is None:
            login = SharedLogin(make(), self.pool, self._clock, self._on_login)
            self._logins[key] = login
        return login

    def prune(self, used: AbstractSet[Client]) -> None:
        """Close the connections and remove the logins of clients that are not used."""
        names = {client.name for client in used}
        for name in [name for name in self._clients if name not in names]:
            self._clients.pop(name).retire()
        for key in [key for key in self._logins if key[0] not in used]:
            self._end(self._logins.pop(key).close())

    def _end(self, closing: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(closing)
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """Close all clients and logins."""
        await asyncio.gather(*(one.close() for one in self._logins.values()), *self._closing)
        for client in self._clients.values():
            client.retire()
        self.pool.close()
