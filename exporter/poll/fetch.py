"""A request goes out and an answer of at most 1 MiB comes back, or one reason why not.

GET is the method, save where a system's status is asked for by a POST. Two clients share the work: `plain` for HTTP without TLS or proxy, which a
fleet of ten thousand servers is made of, and `session` for everything else. Which one a target
gets follows from its configuration alone.
"""

import asyncio
from collections.abc import Set as AbstractSet
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

    @property
    def outdated(self) -> bool:
        """Whether what it was made of has changed since."""
        ...

    async def fetch(self, request: Request, credentials: Headers) -> Answer:
        """Send the request and read the answer, or raise PollError."""
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...


# For polls under way when a client is replaced: longer than any of them may sensibly take.
_LAST_POLLS_SECONDS = 300.0


class Connections:
    """The connections of every client in use, made when first needed."""

    def __init__(self, clock: Clock, *, keep: bool = True) -> None:
        """Make none yet; `keep` says whether connections stay open between polls."""
        self._clock = clock
        self._keep = keep
        self._resolver = Resolver(clock)
        self._closing: set[asyncio.Task[None]] = set()
        self._made: dict[tuple[str, bool], tuple[Client, Fetcher]] = {}

    def of(self, target: Target) -> Fetcher:
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

    def prune(self, used: AbstractSet[str]) -> None:
        """Close the connections of clients that are not among those used."""
        for key in [key for key in self._made if key[0] not in used]:
            self._retire(self._made.pop(key)[1])

    def _retire(self, fetcher: Fetcher) -> None:
        # Polls under way come to their end, with the old certificate.
        task = asyncio.create_task(_close_later(fetcher))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def _make(self, client: Client, *, plain: bool) -> Fetcher:
        if plain:
            return Plain(self._clock, self._resolver, keep=self._keep)
        return Session(client, self._clock, self._resolver, keep=self._keep)

    async def close(self) -> None:
        """Close all of them."""
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
