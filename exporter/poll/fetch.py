"""A request goes out and an answer of at most 1 MiB comes back, or one reason why not.

GET is the only method here. Redirects are not followed, cookies not kept, proxies of the
environment not used. No message holds more of a failure than its kind: the library's own texts
may hold URLs with their credentials.
"""

import asyncio
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp
from aiohttp import hdrs
from multidict import CIMultiDict

from exporter.clock import Clock
from exporter.errors import PollError, Reason
from exporter.poll.request import Headers, Request
from exporter.settings import Client
from exporter.tls import make_context

MAX_BODY = 1024 * 1024
"""Bytes of an answer, decompressed: the vendors' are a thousandth of it."""

# Above the usual poll intervals, so that a connection outlives the pause between two polls;
# aiohttp's own 15 s is just the default interval and would reconnect for most polls.
_KEEPALIVE_SECONDS = 100.0
_DNS_CACHE_SECONDS = 30

_PROXY_DENIES = 407

_STATUS_REASONS = {
    401: Reason.HTTP_401,
    403: Reason.HTTP_403,
    404: Reason.HTTP_404,
    429: Reason.HTTP_429,
    503: Reason.HTTP_503,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back with status 200; `middle` is half-way from sending to receiving, Unix time."""

    content_type: str
    body: bytes
    middle: float


class Connection:
    """The one HTTP session of a client: its connections, kept alive, and its TLS settings."""

    def __init__(self, client: Client, clock: Clock) -> None:
        """Must be made in a running event loop.

        Raises:
            PollError: The TLS files of the client cannot be used now.
        """
        try:
            context = make_context(client.tls)
        except ValueError as error:
            raise PollError(Reason.CREDENTIALS, str(error)) from None
        self._clock = clock
        self._server_name = client.tls.server_name
        self._proxy = client.proxy_url
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                ssl=context,
                # The schedule limits what is under way; a second limit would only hide it.
                limit=0,
                keepalive_timeout=_KEEPALIVE_SECONDS,
                ttl_dns_cache=_DNS_CACHE_SECONDS,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            # The whole poll has a deadline; a second clock for each call would only cost.
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            trust_env=False,
        )

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()

    async def fetch(self, request: Request, credentials: Headers) -> Answer:
        """Send one GET and read the answer.

        Raises:
            PollError: There was no answer 200 with a body of bearable size.
        """
        sent = self._clock.wall()
        try:
            async with self._session.get(
                request.url,
                headers=CIMultiDict((*request.headers, *credentials)),
                allow_redirects=False,
                server_hostname=self._server_name,
                proxy=self._proxy.reveal() if self._proxy else None,
            ) as response:
                if self._proxy and response.status == _PROXY_DENIES:
                    raise PollError(Reason.CONNECT, f"the proxy answered HTTP {response.status}")
                _check_status(response.status)
                body = await _read(response)
                content_type = response.headers.get(hdrs.CONTENT_TYPE, "")
        except UnicodeError:
            raise PollError(Reason.CONNECT, "the host name cannot be one") from None
        except (aiohttp.ClientError, OSError) as error:
            raise _explained(error) from None
        return Answer(content_type, body, (sent + self._clock.wall()) / 2)


class Connections:
    """The connections of every client in use, made when first needed."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._by_client: dict[str, Connection] = {}

    def of(self, client: Client) -> Connection:
        """Return the client's connection."""
        if client.name not in self._by_client:
            self._by_client[client.name] = Connection(client, self._clock)
        return self._by_client[client.name]

    async def close(self) -> None:
        """Close all of them."""
        await asyncio.gather(*(one.close() for one in self._by_client.values()))


def _check_status(status: int) -> None:
    if 200 <= status < 300:  # noqa: PLR2004 - RFC 9110's classes
        return
    reason = _STATUS_REASONS.get(status)
    if reason is None:
        classes: Mapping[int, Reason] = {3: Reason.REDIRECT, 4: Reason.HTTP_4XX}
        reason = classes.get(status // 100, Reason.HTTP_5XX)
    follow = ", which is not followed: correct the url" if reason is Reason.REDIRECT else ""
    raise PollError(reason, f"HTTP {status}{follow}")


async def _read(response: aiohttp.ClientResponse) -> bytes:
    too_large = PollError(Reason.TOO_LARGE, f"more than {MAX_BODY} bytes")
    if (response.content_length or 0) > MAX_BODY:
        raise too_large
    body = bytearray()
    # What is counted has been decompressed: a bomb stops at the limit, not in memory.
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > MAX_BODY:
            raise too_large
    return bytes(body)


def _explained(error: Exception) -> PollError:  # noqa: PLR0911 - one return a kind of failure
    """Name the reason of a failure in our words; the order is from the special to the general."""
    match error:
        case aiohttp.ClientConnectorCertificateError():
            why = getattr(error.certificate_error, "verify_message", "") or "not valid for the host"
            return PollError(Reason.TLS, f"the server's certificate: {why}")
        case aiohttp.ClientSSLError():
            return PollError(Reason.TLS, _handshake(error.os_error))
        case aiohttp.ClientOSError(__cause__=ssl.SSLError() as cause):
            # In TLS 1.3 a server rejects the client's certificate after the handshake.
            return PollError(Reason.TLS, _handshake(cause))
        case aiohttp.ClientConnectorDNSError():
            return PollError(Reason.CONNECT, f"the host name {error.host} cannot be resolved")
        case aiohttp.ClientProxyConnectionError():
            return PollError(Reason.CONNECT, "no connection to the proxy")
        case aiohttp.ClientConnectorError():
            # The loops put texts of their own into strerror; the number is the system's.
            number = error.os_error.errno
            why = os.strerror(number) if number else type(error.os_error).__name__
            return PollError(Reason.CONNECT, f"no connection: {why}")
        case aiohttp.ClientHttpProxyError():
            return PollError(Reason.CONNECT, f"the proxy answered HTTP {error.status}")
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientOSError() | OSError():
            return PollError(Reason.CONNECT, "the connection broke before there was an answer")
        case aiohttp.ClientPayloadError():
            return PollError(Reason.BAD_HTTP, "the body is cut short or badly compressed")
        case _:
            return PollError(Reason.BAD_HTTP, f"not a valid HTTP answer ({type(error).__name__})")


def _handshake(error: OSError) -> str:
    return f"TLS: {getattr(error, 'reason', None) or 'handshake failed'}"
