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
    Answer,
    StatusError,
    check_status,
    no_connection,
    too_large,
    unknown_host,
)
from exporter.poll.inflate import inflate
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


@dataclass(frozen=True, kw_only=True)
class Posted:
    """The answer to a login."""

    status: int
    location: str = field(repr=False)
    retry_after: str
    cookies: tuple[str, ...] = field(repr=False)
    """The Set-Cookie headers."""
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
            # `inflate` names a coding that it cannot undo; aiohttp would pass it on, or call all
            # of the answer invalid.
            auto_decompress=False,
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
                request.method,
                URL(request.url + request.query, encoded=True),
                data=request.body or None,
                headers=CIMultiDict((*request.headers, *credentials)),
                allow_redirects=False,
                server_hostname=self._server_name,
                proxy=self._proxy.reveal() if self._proxy else None,
            ) as response:
                self._check_proxy(response)
                await _check(response, request)
                body = await _read(response, self._most)
                content_type = response.headers.get(hdrs.CONTENT_TYPE, "")
        except UnicodeError:
            raise unknown_host(request.host) from None
        except (aiohttp.ClientError, OSError) as error:
            raise explained(error) from None
        return Answer(content_type, body, (sent + self._clock.wall()) / 2, response.status)

    async def send(self, method: str, url: str, body: bytes, headers: Headers) -> Posted:
        """Send one request, never twice and never elsewhere, and read a short answer.

        Raises:
            PollError: There was no answer at all, or a long one.
        """
        try:
            async with self._session.request(
                method,
                URL(url, encoded=True),
                data=body or None,
                headers=CIMultiDict(headers),
                allow_redirects=False,
                server_hostname=self._server_name,
                proxy=self._proxy.reveal() if self._proxy else None,
            ) as response:
                self._check_proxy(response)
                return Posted(
                    status=response.status,
                    location=response.headers.get(hdrs.LOCATION, ""),
                    retry_after=response.headers.get(hdrs.RETRY_AFTER, ""),
                    cookies=tuple(response.headers.getall(hdrs.SET_COOKIE, ())),
                    body=await _read(response, MAX_POSTED),
                )
        except UnicodeError:
            raise unknown_host(urlsplit(url).hostname or "") from None
        except (aiohttp.ClientError, OSError) as error:
            raise explained(error) from None

    def _check_proxy(self, response: aiohttp.ClientResponse) -> None:
        if self._proxy and response.status == _PROXY_DENIES:
            raise PollError(Reason.CONNECT, f"the proxy answered HTTP {response.status}")


async def _check(response: aiohttp.ClientResponse, request: Request) -> None:
    try:
        headers = response.headers
        check_status(
            response.status, headers.get(hdrs.RETRY_AFTER, ""), headers.get(hdrs.LOCATION, "")
        )
    except StatusError as error:
        if error.status in request.accept_status:
            return
        if error.status in request.inspected:
            # However its body ends: the status stands.
            body = b""
            with suppress(aiohttp.ClientError, OSError):
                async for chunk in response.content.iter_any():
                    body = (body + chunk)[:MAX_REFUSAL]
                    if len(body) == MAX_REFUSAL:
                        break
            with suppress(PollError):
                error.body = inflate(body, _coding(response))
        raise


async def _read(response: aiohttp.ClientResponse, most: int = MAX_BODY) -> bytes:
    if (response.content_length or 0) > most:
        raise too_large(most)
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > most:
            raise too_large(most)
    return inflate(bytes(body), _coding(response), most)


def _coding(response: aiohttp.ClientResponse) -> bytes:
    return response.headers.get(hdrs.CONTENT_ENCODING, "").encode("utf-8", "surrogateescape")


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
