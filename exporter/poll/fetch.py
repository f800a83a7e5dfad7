"""A request goes out and an answer of at most 1 MiB comes back, or one reason why not.

A poll is a GET, and only a login a POST. Two clients share the work: `plain` for HTTP without TLS or proxy, which a
fleet of ten thousand servers is made of, and `session` for everything else. Which one a target
gets follows from its configuration alone.
"""

import asyncio
from typing import Protocol

from exporter.clock import Clock
from exporter.errors import PollError
from exporter.poll.answer import Answer
from exporter.poll.login import Login, OnLogin
from exporter.poll.oauth2 import OAuth2Method
from exporter.poll.plain import Plain
from exporter.poll.request import Headers, Request, place_of
from exporter.poll.resolve import Resolver
from exporter.poll.session import Session
from exporter.poll.webitel_login import WebitelMethod
from exporter.settings import Client, OAuth2, Target


class Fetcher(Protocol):
    """What both clients do."""

    async def fetch(self, request: Request, credentials: Headers) -> Answer:
        """Send one GET and read the answer, or raise PollError."""
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...


def _ignore(_client: str, _error: PollError | None) -> None:
    """Count no login."""


class Connections:
    """The connections and logins of every client in use, made when first needed."""

    def __init__(self, clock: Clock, *, keep: bool = True, on_login: OnLogin = _ignore) -> None:
        """Make none yet; `keep` says whether connections stay open between polls.

        Each login, with the name of its client and why it failed if it did, is told to `on_login`.
        """
        self._clock = clock
        self._keep = keep
        self._on_login = on_login
        self._logins: dict[tuple[Client, str], Login] = {}
        self._resolver = Resolver(clock)
        self._closing: set[asyncio.Task[None]] = set()
        self._made: dict[tuple[str, bool], Fetcher] = {}

    def of(self, target: Target) -> Fetcher:
        """Return what fetches for the target.

        Raises:
            PollError: The TLS files of its client cannot be used now.
        """
        client = target.client
        key = (client.name, is_plain(target))
        fetcher = self._made.get(key)
        if fetcher is None:
            fetcher = self._made[key] = self._make(client, plain=key[1])
        elif isinstance(fetcher, Session) and fetcher.outdated:
            old, fetcher = fetcher, self._make(client, plain=key[1])
            self._made[key] = fetcher
            # Polls under way come to their end, with the old certificate.
            task = asyncio.create_task(old.close_later(target.timeout))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
        return fetcher

    def _make(self, client: Client, *, plain: bool) -> Fetcher:
        if plain:
            return Plain(self._clock, self._resolver, keep=self._keep)
        return Session(client, self._clock, self._resolver, keep=self._keep)

    def login(self, target: Target) -> Login | None:
        """Return the login that the target's polls need, if they need one."""
        settings = target.client.login
        if settings is None:
            return None
        # A token of OAuth is for a client's targets; a Webitel's own serves nobody else.
        place = "" if isinstance(settings, OAuth2) else place_of(target.url)
        key = (target.client, place)
        login = self._logins.get(key)
        if login is None:
            method = (
                OAuth2Method(target.client, settings)
                if isinstance(settings, OAuth2)
                else WebitelMethod(target.client, settings, place, self._clock)
            )
            login = Login(method, self._session, self._clock, self._on_login)
            self._logins[key] = login
        return login

    def _session(self, client: Client) -> Session:
        return Session(client, self._clock, self._resolver, keep=False)

    async def close(self) -> None:
        """Close all of them."""
        await asyncio.gather(*(one.close() for one in self._logins.values()))
        for task in self._closing:
            task.cancel()
        await asyncio.gather(
            *self._closing, *(one.close() for one in self._made.values()), return_exceptions=True
        )


def is_plain(target: Target) -> bool:
    """Return whether neither TLS nor a proxy is needed."""
    return target.url.startswith("http://") and target.client.proxy_url is None
