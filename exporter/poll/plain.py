"""The client for the plain case: HTTP/1.1 without TLS or proxy, over connections kept alive.

It does what `session` does at about half of what a whole poll costs with that, and answers every
fault with the same reason; the same tests run over both. The limits are the same, too: one MiB of
body, decompressed.
"""

import asyncio

from aiohappyeyeballs import start_connection

from exporter.clock import Clock
from exporter.errors import PollError, Reason
from exporter.poll.answer import BROKEN, Answer, no_connection, unknown_host
from exporter.poll.line import Line, StaleError
from exporter.poll.request import Headers, Request
from exporter.poll.resolve import AddrInfo, Resolver

_HAPPY_EYEBALLS_SECONDS = 0.25

# Above the usual poll intervals, so that a connection outlives the pause between two polls. What
# nobody uses for longer belongs to a target that went, or to one that is asked seldom.
_KEEPALIVE_SECONDS = 100.0
_SWEEP_SECONDS = 20.0

Origin = tuple[str, int]


class Plain:
    """The kept connections of one client."""

    def __init__(self, clock: Clock, resolver: Resolver, *, keep: bool) -> None:
        self._clock = clock
        self._resolver = resolver
        self._keep = keep
        self._idle: dict[Origin, list[Line]] = {}
        self._open: set[Line] = set()
        self._sweeper: asyncio.TimerHandle | None = None

    @property
    def outdated(self) -> bool:
        """Never: it is made of nothing that could change."""
        return False

    async def fetch(self, request: Request, credentials: Headers) -> Answer:
        """Send the request and read the answer.

        Raises:
            PollError: There was no answer 2xx with a body of bearable size.
        """
        origin = (request.host, request.port)
        message = request.head + b"".join(
            f"{name}: {value}\r\n".encode() for name, value in credentials
        )
        message += b"\r\n" + request.body
        idle = self._idle.get(origin)
        line = idle.pop() if idle else await self._connect(origin)
        sent = self._clock.wall()
        try:
            await line.ask(message, request)
        except StaleError:
            # The server closed the connection while nobody used it: that is no failure of a poll.
            line = await self._connect(origin)
            sent = self._clock.wall()
            try:
                await line.ask(message, request)
            except StaleError:
                raise PollError(Reason.CONNECT, BROKEN) from None
        received = self._clock.wall()
        try:
            content_type, body = line.take()
        finally:
            if line.reusable and self._keep:
                self._put_by(origin, line)
            else:
                line.close()
        return Answer(content_type, body, (sent + received) / 2)

    async def close(self) -> None:
        """Close every connection."""
        if self._sweeper:
            self._sweeper.cancel()
        for line in tuple(self._open):
            line.close()

    def _put_by(self, origin: Origin, line: "Line") -> None:
        loop = asyncio.get_running_loop()
        line.idle_since = loop.time()
        self._idle.setdefault(origin, []).append(line)
        if self._sweeper is None:
            self._sweeper = loop.call_later(_SWEEP_SECONDS, self._sweep)

    def _sweep(self) -> None:
        """Close what was not used for long."""
        loop = asyncio.get_running_loop()
        oldest = loop.time() - _KEEPALIVE_SECONDS
        for line in [one for lines in self._idle.values() for one in lines]:
            if line.idle_since < oldest:
                line.close()
        more = bool(self._open)
        self._sweeper = loop.call_later(_SWEEP_SECONDS, self._sweep) if more else None

    async def _connect(self, origin: Origin) -> "Line":
        loop = asyncio.get_running_loop()

        def line() -> Line:
            return Line(loop.create_future, lambda one: self._forget(origin, one))

        try:
            if _is_literal(origin[0]):
                _, made = await loop.create_connection(line, *origin)
            else:
                infos = await self._infos(origin)
                one = await start_connection(
                    infos, happy_eyeballs_delay=_HAPPY_EYEBALLS_SECONDS, interleave=1
                )
                try:
                    _, made = await loop.create_connection(line, sock=one)
                except BaseException:
                    one.close()
                    raise
        except OSError as error:
            raise no_connection(error) from None
        self._open.add(made)
        return made

    async def _infos(self, origin: Origin) -> list[AddrInfo]:
        try:
            return await self._resolver.infos(*origin)
        except (OSError, UnicodeError):
            raise unknown_host(origin[0]) from None

    def _forget(self, origin: Origin, line: "Line") -> None:
        self._open.discard(line)
        idle = self._idle.get(origin)
        if idle and line in idle:
            idle.remove(line)
            if not idle:
                del self._idle[origin]


def _is_literal(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdigit()
