"""The client for every kind of target: TLS, proxies, all that aiohttp can do and we allow.

It is what logins are sent by, too. Redirects are not followed, cookies not kept, proxies of the environment not used. No message
holds more of a failure than its kind: the library's own texts may hold URLs with credentials.
"""

import ssl
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import aiohttp
from aiohttp import hdrs
from multidict import CIMultiDict
from yarl import URL

from exporter.clock import Clock
from exporter.errors import PollError, Reason
from exporter.poll.answer import (
    BROKEN,
    CUT_SHORT,
    MAX_BODY,
    MAX_REFUSAL,
    NOT_HTTP,
    TELLING_STATUS,
    Answer,
    StatusError,
    check_status,
    no_connection,
    too_large,
    unknown_host,
)
from exporter.poll.request import Headers, Request
from exporter.poll.resolve import Resolver
from exporter.settings import Client
from exporter.tls import files_of, make_context

# Above the usual poll intervals, so that a connection outlives the pause between two polls;
# aiohttp's own 15 s is just the default interval and would reconnect for most polls.
_KEEPALIVE_SECONDS = 100.0

_PROXY_DENIES = 407

# Of a token endpoint's or a login's answer: the largest there are have a tenth of it.
MAX_POSTED = 64 * 1024
# What a token endpoint refuses with, and says why in the body.
_EXPLAINED = frozenset({400, 401})


@dataclass(frozen=True, kw_only=True)
class Posted:
    """What came back of a POST; of most refusals only the status."""

    status: int
    location: str = field(repr=False)
    retry_after: str
    body: bytes = field(repr=False)


class Session:
    """The one aiohttp session of a client: its connections, kept alive, and its TLS settings."""

    def __init__(
        self,
        client: Client,
        clock: Clock,
        resolver: Resolver,
        *,
        keep: bool,
        most: int = MAX_BODY,
        traces: Sequence[aiohttp.TraceConfig] = (),
    ) -> None:
        """Must be made in a running event loop; `most` is the largest body, in bytes.

        `traces` are told how far each request has come.

        Raises:
            PollError: The TLS files of the client cannot be used now.
        """
        try:
            context = make_context(client.tls)
        except ValueError as error:
            raise PollError(Reason.CREDENTIALS, str(error)) from None
        self._clock = clock
        self._most = most
        self._tls = client.tls
        self._files = files_of(client.tls)
        self._server_name = client.tls.server_name
        self._proxy = client.proxy_url
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                ssl=context,
                # The schedule limits what is under way; a second limit would only hide it.
                limit=0,
                force_close=not keep,
                keepalive_timeout=_KEEPALIVE_SECONDS if keep else None,
                resolver=resolver,
                use_dns_cache=False,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            # The whole poll has a deadline; a second clock for each call would only cost.
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            trust_env=False,
            trace_configs=list(traces),
        )

    @property
    def outdated(self) -> bool:
        """Whether the TLS files have changed since the session was made."""
        return bool(self._files) and files_of(self._tls) != self._files

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()

    async def fetch(self, request: Request, credentials: Headers) -> Answer:
        """Send the request and read the answer.

        Raises:
            PollError: There was no answer 200 with a body of bearable size.
        """
        sent = self._clock.wall()
        try:
            async with self._session.request(
                request.endpoint.method,
                URL(request.url + request.query, encoded=True),
                data=request.body or None,
                headers=CIMultiDict((*request.headers, *credentials)),
                allow_redirects=False,
                server_hostname=self._server_name,
                proxy=self._proxy.reveal() if self._proxy else None,
            ) as response:
                self._check_proxy(response)
                await _check(response, wants_refusal=request.wants_refusal)
                body = await _read(response, self._most)
                content_type = response.headers.get(hdrs.CONTENT_TYPE, "")
        except UnicodeError:
            raise unknown_host(request.host) from None
        except (aiohttp.ClientError, OSError) as error:
            raise explained(error) from None
        return Answer(content_type, body, (sent + self._clock.wall()) / 2, response.status)

    async def post(self, url: str, body: bytes, headers: Headers) -> Posted:
        """Send one POST, which is never sent twice nor elsewhere, and read a short answer.

        Raises:
            PollError: There was no answer at all, or a long one.
        """
        try:
            async with self._session.post(
                URL(url, encoded=True),
                data=body,
                headers=CIMultiDict(headers),
                allow_redirects=False,
                server_hostname=self._server_name,
                proxy=self._proxy.reveal() if self._proxy else None,
            ) as response:
                self._check_proxy(response)
                tells = response.status in _EXPLAINED or response.status // 100 == 2  # noqa: PLR2004 - RFC 9110's classes
                return Posted(
                    status=response.status,
                    location=response.headers.get(hdrs.LOCATION, ""),
                    retry_after=response.headers.get(hdrs.RETRY_AFTER, ""),
                    body=await _read(response, MAX_POSTED) if tells else b"",
                )
        except UnicodeError:
            raise unknown_host(urlsplit(url).hostname or "") from None
        except (aiohttp.ClientError, OSError) as error:
            raise explained(error) from None

    def _check_proxy(self, response: aiohttp.ClientResponse) -> None:
        if self._proxy and response.status == _PROXY_DENIES:
            raise PollError(Reason.CONNECT, f"the proxy answered HTTP {response.status}")


async def _check(response: aiohttp.ClientResponse, *, wants_refusal: bool) -> None:
    try:
        headers = response.headers
        check_status(
            response.status, headers.get(hdrs.RETRY_AFTER, ""), headers.get(hdrs.LOCATION, "")
        )
    except StatusError as error:
        if wants_refusal and error.status == TELLING_STATUS:
            # However its body ends: the status stands.
            with suppress(aiohttp.ClientError, OSError):
                async for chunk in response.content.iter_any():
                    error.body = (error.body + chunk)[:MAX_REFUSAL]
                    if len(error.body) == MAX_REFUSAL:
                        break
        raise


async def _read(response: aiohttp.ClientResponse, most: int = MAX_BODY) -> bytes:
    if (response.content_length or 0) > most:
        raise too_large(most)
    body = bytearray()
    # What is counted has been decompressed: a bomb stops at the limit, not in memory.
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > most:
            raise too_large(most)
    return bytes(body)


def explained(error: Exception) -> PollError:  # noqa: PLR0911 - one return a kind of failure
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
            return unknown_host(error.host)
        case aiohttp.ClientProxyConnectionError():
            return PollError(Reason.CONNECT, "no connection to the proxy")
        case aiohttp.ClientConnectorError():
            return no_connection(error.os_error)
        case aiohttp.ClientHttpProxyError():
            return PollError(Reason.CONNECT, f"the proxy answered HTTP {error.status}")
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientOSError() | OSError():
            return PollError(Reason.CONNECT, BROKEN)
        case aiohttp.ClientPayloadError():
            return PollError(Reason.BAD_HTTP, CUT_SHORT)
        case _:
            return PollError(Reason.BAD_HTTP, NOT_HTTP)


def _handshake(error: OSError) -> str:
    return f"TLS: {getattr(error, 'reason', None) or 'handshake failed'}"
