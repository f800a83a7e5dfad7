"""A request goes out and an answer of at most 1 MiB comes back, or one reason why not.

GET is the only method. Two clients share the work: `plain` for HTTP without TLS or proxy, which a
fleet of ten thousand servers is made of, and `session` for everything else. Which one a target
gets follows from its configuration alone.
"""

import asyncio
from typing import Protocol

from exporter.clock import Clock
from exporter.poll.answer import Answer
from exporter.poll.plain import Plain
from exporter.poll.request import Headers, Request
from exporter.poll.resolve import Resolver
from exporter.poll.session import Session
from exporter.settings import Client, Target


class Fetcher(Protocol):
    """What both clients do."""

    async def fetch(self, request: Request, credentials: Headers) -> Answer:
        """Send one GET and read the answer, or raise PollError."""
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...


class Connections:
    """The connections of every client in use, made when first needed."""

    def __init__(self, clock: Clock, *, keep: bool = True) -> None:
        """Make none yet; `keep` says whether connections stay open between polls."""
        self._clock = clock
        self._keep = keep
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

    async def close(self) -> None:
        """Close all of them."""
        for task in self._closing:
            task.cancel()
        await asyncio.gather(
            *self._closing, *(one.close() for one in self._made.values()), return_exceptions=True
        )


def is_plain(target: Target) -> bool:
    """Return whether neither TLS nor a proxy is needed."""
    return target.url.startswith("http://") and target.client.proxy_url is None
