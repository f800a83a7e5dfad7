"""A request goes out and an answer of at most 1 MiB comes back, or one reason why not.

A poll is a GET, save where a system's status is asked for by a POST; a login is a POST. Two
clients share the work: `plain` for HTTP without TLS or proxy, which a
fleet of ten thousand servers is made of, and `session` for everything else. Which one a target
gets follows from its configuration alone.
"""

import asyncio
from collections.abc import Coroutine
from collections.abc import Set as AbstractSet
from typing import Protocol

from exporter.clock import Clock
from exporter.errors import PollError, Reason
from exporter.poll.answer import Answer
from exporter.poll.declared_login import DeclaredMethod
from exporter.poll.login import Login, Method, OnLogin
from exporter.poll.oauth2 import OAuth2Method
from exporter.poll.plain import Plain
from exporter.poll.request import Headers, Request, normalized_url
from exporter.poll.resolve import Resolver
from exporter.poll.session import Session
from exporter.settings import Client, OAuth2, Target


class Fetcher(Protocol):
    """What both clients do."""

    async def fetch(self, request: Request, credentials: Headers) -> Answer:
        """Send the request and read the answer, or raise PollError."""
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...


class Kept(Fetcher, Protocol):
    """A client that is kept from poll to poll."""

    @property
    def outdated(self) -> bool:
        """Whether what it was made of has changed since."""
        ...


# For polls under way when a client is replaced: longer than any of them may sensibly take.
_LAST_POLLS_SECONDS = 300.0


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
        self._logins: dict[tuple[Client, tuple[object, ...]], Login] = {}
        self._resolver = Resolver(clock)
        self._closing: set[asyncio.Task[None]] = set()
        self._made: dict[tuple[str, bool], tuple[Client, Kept]] = {}

    def of(self, target: Target) -> Kept:
        """Return what fetches for the target.

        Raises:
            PollError: The TLS files of its client cannot be used now.
        """
        client = target.client
        key = (client.name, is_plain(target))
        made = self._made.get(key)
        if made is None:
            made = self._made[key] = (client, self._make(client, plain=key[1]))
        elif not (made[0] is client or made[0] == client) or made[1].outdated:
            old, made = made[1], (client, self._make(client, plain=key[1]))
            self._made[key] = made
            self._retire(old)
        return made[1]

    def prune(self, used: AbstractSet[Client]) -> None:
        """Close the connections and forget the logins of clients that are not among those used."""
        names = {client.name for client in used}
        for key in [key for key in self._made if key[0] not in names]:
            self._retire(self._made.pop(key)[1])
        for place in [place for place in self._logins if place[0] not in used]:
            self._end(self._logins.pop(place).close())

    def _retire(self, fetcher: Fetcher) -> None:
        # Polls under way come to their end, with the old certificate.
        self._end(_close_later(fetcher))

    def _end(self, closing: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(closing)
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def _make(self, client: Client, *, plain: bool) -> Kept:
        if plain:
            return Plain(self._clock, self._resolver, keep=self._keep)
        return Session(client, self._clock, self._resolver, keep=self._keep)

    def login(self, target: Target) -> Login | None:
        """Return the login that the target's polls need, if they need one."""
        settings, declaration = target.client.login, target.system.login
        if settings is None:
            return None
        # A token of OAuth serves all targets of a client; one of a server's own login only it.
        shared = isinstance(settings, OAuth2)
        place: tuple[object, ...] = ()
        if not shared and declaration is not None:
            sent = (target.params.get(name) for name in declaration.params)
            place = (declaration, normalized_url(target.url), *sent)
        key = (target.client, place)
        login = self._logins.get(key)
        if login is None:
            method: Method
            if isinstance(settings, OAuth2):
                method = OAuth2Method(target.client, settings)
            elif declaration is not None:
                method = DeclaredMethod(target, declaration, settings, self._clock)
            else:  # The configuration refuses such a client.
                raise PollError(Reason.CREDENTIALS, f"{target.system.name} declares no login")
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
            *self._closing,
            *(fetcher.close() for _, fetcher in self._made.values()),
            return_exceptions=True,
        )


async def _close_later(fetcher: Fetcher) -> None:
    try:
        await asyncio.sleep(_LAST_POLLS_SECONDS)
    finally:
        await fetcher.close()


def is_plain(target: Target) -> bool:
    """Return whether neither TLS nor a proxy is needed."""
    return target.url.startswith("http://") and target.client.proxy_url is None
