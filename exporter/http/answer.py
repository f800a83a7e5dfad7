"""The answer to a request, and the reason and message of each failure."""

import os
import ssl
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

import msgspec

from exporter.errors import PollError, Reason

MAX_BODY = 1024 * 1024
"""Bytes of a decompressed answer: a thousand times as many as the vendors send."""

MAX_DEPTH = 64
"""Levels of an answer: the vendors send four."""

MAX_PARTS = 10_000
"""Objects, lists or XML tags of an answer: each costs time. The status of a server has ten, a list
of a thousand servers two thousand."""

MAX_VALUES = 100_000
"""Values of an answer: a list of a thousand servers has 25,000."""

MAX_REFUSAL = 4 * 1024
"""Bytes that are read of the body of a failure, if it is read."""

PROXY_DENIES = 407

NOT_HTTP = "not a valid HTTP answer"
IS_TLS = "the answer is TLS: write https://"
CUT_SHORT = "the body is cut short or badly compressed"
BROKEN = "the connection broke before there was an answer"

_STATUS_REASONS = {
    401: Reason.HTTP_401,
    403: Reason.HTTP_403,
    404: Reason.HTTP_404,
    429: Reason.HTTP_429,
    503: Reason.HTTP_503,
}


# The reasons of OpenSSL for an answer of plain HTTP: they depend on its version and on the first
# bytes of the answer.
_NOT_TLS = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG"})

_UNTRUSTED = "to trust it, set ca_file in the client's tls_config"
_OTHER_NAME = "if the server is right, set server_name in the client's tls_config"
# By OpenSSL's code of the verification (X509_V_ERR_...).
_CERTIFICATE_HINTS = {
    18: _UNTRUSTED,  # self-signed
    19: _UNTRUSTED,  # self-signed, of an unknown authority
    20: _UNTRUSTED,  # an unknown authority
    21: _UNTRUSTED,  # a chain without its intermediate certificates
    62: _OTHER_NAME,  # of another host
    64: _OTHER_NAME,  # of another IP address
}

# The statuses for which RFC 9110 and RFC 6585 define Retry-After as a pause.
_WITH_RETRY_AFTER = frozenset({429, 503})


class Answer(msgspec.Struct, frozen=True, gc=False):
    """The answer to a request; `middle` is half-way from sending to receiving, Unix time."""

    content_type: str
    body: bytes
    middle: float
    status: int = 200
    retry_after: str = ""
    location: str = ""
    cookies: tuple[str, ...] = ()
    """The Set-Cookie headers."""

    def __repr__(self) -> str:
        """Leave out everything that may contain a token."""
        return f"Answer(status={self.status}, content_type={self.content_type!r})"


class StatusError(PollError):
    """An answer whose status is not 2xx; its location and body are never shown."""

    def __init__(
        self, reason: Reason, detail: str, retry_after: float, status: int, location: str
    ) -> None:
        super().__init__(reason, detail, retry_after)
        self.status = status
        self.location = location
        self.body = b""
        """Its first bytes, if the request inspects this status."""


def is_success(status: int) -> bool:
    """Return whether a status is 2xx."""
    return 200 <= status < 300  # noqa: PLR2004 - RFC 9110's classes


def status_error(status: int, retry_after: str = "", location: str = "") -> StatusError:
    """Return the failure of an answer whose status is not 2xx."""
    reason = _STATUS_REASONS.get(status)
    if reason is None:
        classes: Mapping[int, Reason] = {3: Reason.REDIRECT, 4: Reason.HTTP_4XX}
        reason = classes.get(status // 100, Reason.HTTP_5XX)
    follow = ", which is not followed: correct the url" if reason is Reason.REDIRECT else ""
    pause = _retry_seconds(retry_after) if status in _WITH_RETRY_AFTER else 0.0
    return StatusError(reason, f"HTTP {status}{follow}", pause, status, location)


def _retry_seconds(retry_after: str) -> float:
    """Read the Retry-After header, seconds or a date (RFC 9110 section 10.2.3), as seconds."""
    if retry_after.isdecimal() and retry_after.isascii():
        return float(retry_after[:9])
    try:
        return max(0.0, parsedate_to_datetime(retry_after).timestamp() - time.time())
    except (ValueError, OverflowError):
        return 0.0


def too_large(limit: int = MAX_BODY) -> PollError:
    """Return the failure of a body beyond its limit."""
    return PollError(Reason.TOO_LARGE, f"more than {limit} bytes")


def unknown_host(host: str) -> PollError:
    """Return the failure of a name that cannot be resolved."""
    return PollError(Reason.CONNECT, f"the host name {host} cannot be resolved")


def no_connection(error: OSError) -> PollError:
    """Return the failure of a connection that could not be opened."""
    # Event loops replace strerror, but not errno.
    why = os.strerror(error.errno) if error.errno else type(error).__name__
    return PollError(Reason.CONNECT, f"no connection: {why}")


def refused_by_proxy(status: int) -> PollError:
    """Return the failure of a request that the proxy did not pass on."""
    return PollError(Reason.CONNECT, f"the proxy answered HTTP {status}")


def tls_failure(error: Exception) -> PollError:
    """Return the failure of a TLS handshake; TLS 1.3 servers may refuse a client after it."""
    match error:
        case ssl.SSLCertVerificationError():
            why = error.verify_message or "not valid for the host"
            failure = PollError(Reason.TLS, f"the server's certificate: {why}")
            failure.hint = _CERTIFICATE_HINTS.get(error.verify_code, "")
            return failure
        case ssl.SSLEOFError() | ConnectionError():
            return PollError(Reason.CONNECT, BROKEN)
        case ssl.SSLError() if error.reason in _NOT_TLS:
            text = "the answer is not TLS: the server seems to speak plain HTTP, write http://"
            return PollError(Reason.TLS, text)
        case ssl.SSLError():
            return PollError(Reason.TLS, f"TLS: {error.reason or 'handshake failed'}")
        case OSError():
            return no_connection(error)
        case _:
            return PollError(Reason.TLS, "TLS: handshake failed")
