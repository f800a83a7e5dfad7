"""Every known failure of a vendor's server, by name.

A fault says what is sent, what happens to the connection then, and the one reason that a poll
must get from it; without a reason, the target stays up.
"""

import gzip
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto

from exporter.errors import Reason
from exporter.http.answer import MAX_BODY
from support.vendor import BODY, HEALTHY, response

LOGIN = b"<!DOCTYPE html><html><body><form>Log in</form></body></html>"
ELSEWHERE = "http://127.0.0.1:9/elsewhere"
CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
UNTIL_END = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
GZIP = "Content-Encoding: gzip\r\n"
# A fatal TLS alert, handshake_failure.
ALERT = b"\x15\x03\x03\x00\x02\x02\x28"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
LAUGHS = b"".join(
    b'<!ENTITY l%d "%b">' % (level, b"&l%d;" % (level - 1) * 10) for level in range(1, 10)
)


class Then(Enum):
    """What happens to the connection after an answer."""

    KEEP = auto()
    CLOSE = auto()
    RESET = auto()
    WAIT = auto()


class Listens(Enum):
    """What a port speaks while it is broken."""

    HTTP = auto()
    TLS = auto()
    EXPIRED = auto()
    OTHER_HOST = auto()
    OTHER_CA = auto()
    NOTHING = auto()


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One failure; requests get the `answers` in turn."""

    reason: Reason | None
    answers: tuple[bytes, ...] = (b"",)
    then: Then = Then.KEEP
    piece: bytes = b""
    """Sent after the answer, again and again."""
    pause: float = 0.0
    """Seconds between two pieces, or before a reset."""
    asks_first: bool = True
    """Whether the fault follows the request instead of preceding it."""
    listens: Listens = Listens.HTTP
    secure: bool = False
    """Whether the target, and the server after its repair, use TLS."""
    either: bool = True
    """Whether it is tried with and without TLS."""
    host: str = "127.0.0.1"
    system: str = "genesys_ucs"
    flaps: bool = False

    @property
    def is_slow(self) -> bool:
        """Whether each poll of it takes seconds."""
        return self.reason is Reason.TIMEOUT or (self.then is Then.RESET and self.pause > 0)


def _answer(reason: Reason | None, *answers: bytes, then: Then = Then.KEEP) -> Fault:
    return Fault(reason=reason, answers=answers, then=then)


def _body(reason: Reason | None, *bodies: bytes, content_type: str = "application/json") -> Fault:
    return Fault(reason=reason, answers=tuple(response(one, content_type) for one in bodies))


def _xml(reason: Reason | None, body: bytes) -> Fault:
    return replace(_body(reason, body, content_type="application/xml"), system="mdworkbench")


def _status(reason: Reason, status: str, more: str = "", body: bytes = b"") -> Fault:
    return _answer(reason, response(body, "text/html", status=status, more=more))


def _packed(reason: Reason | None, body: bytes, coding: str = "gzip") -> Fault:
    return _answer(reason, response(body, more=f"Content-Encoding: {coding}\r\n"))


def _sized(reason: Reason | None, lengths: str, then: Then = Then.KEEP) -> Fault:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{lengths}\r\n\r\n"
    return _answer(reason, head.encode() + BODY, then=then)


def _endless(reason: Reason, head: bytes, piece: bytes, pause: float = 0.0) -> Fault:
    return Fault(reason=reason, answers=(head,), piece=piece, pause=pause)


def _early(reason: Reason, then: Then) -> Fault:
    return Fault(reason=reason, then=then, asks_first=False)


def _tls(listens: Listens) -> Fault:
    return Fault(reason=Reason.TLS, listens=listens, secure=True, either=False)


# A busy machine may take this long to read an answer.
_READ_SECONDS = 4.0
_TIMEOUT, _CONNECT, _HTTP = Reason.TIMEOUT, Reason.CONNECT, Reason.BAD_HTTP
_JSON, _XML, _SHAPE, _TYPE = (
    Reason.BAD_JSON,
    Reason.BAD_XML,
    Reason.BAD_SHAPE,
    Reason.BAD_CONTENT_TYPE,
)

FAULTS: Mapping[str, Fault] = {
    # The connection.
    "connection refused": Fault(reason=_CONNECT, listens=Listens.NOTHING),
    "host name unknown": Fault(
        reason=_CONNECT, host="vendor.invalid", either=False, then=Then.CLOSE
    ),
    "closed before the request": _early(_CONNECT, Then.CLOSE),
    "reset before the request": _early(_CONNECT, Then.RESET),
    "closed instead of an answer": _answer(_CONNECT, b"", then=Then.CLOSE),
    "reset instead of an answer": _answer(_CONNECT, b"", then=Then.RESET),
    "reset within the head": _answer(_CONNECT, HEALTHY[:30], then=Then.RESET),
    "closed within the head": _answer(_CONNECT, HEALTHY[:30], then=Then.CLOSE),
    # A reset may discard bytes that the client has not read yet.
    "reset within the body": replace(
        _answer(_HTTP, HEALTHY[:-5], then=Then.RESET), pause=_READ_SECONDS
    ),
    "closed within the body": _answer(_HTTP, HEALTHY[:-5], then=Then.CLOSE),
    "silence after connecting": _early(_TIMEOUT, Then.WAIT),
    "silence instead of an answer": _answer(_TIMEOUT, b"", then=Then.WAIT),
    "silence after the head": _answer(_TIMEOUT, HEALTHY[: -len(BODY)], then=Then.WAIT),
    "one byte a second": _endless(_TIMEOUT, response(bytes(99))[:-99], b" ", pause=1.0),
    # TLS.
    "certificate expired": _tls(Listens.EXPIRED),
    "certificate of another host": _tls(Listens.OTHER_HOST),
    "certificate of an unknown CA": _tls(Listens.OTHER_CA),
    "plain HTTP on the TLS port": replace(
        _status(Reason.TLS, "400 Bad Request"),
        listens=Listens.HTTP,
        secure=True,
        either=False,
        asks_first=False,
        then=Then.CLOSE,
    ),
    "TLS on the plain port": replace(_answer(_HTTP, ALERT, then=Then.CLOSE), either=False),
    # HTTP.
    "HTTP/0.9": _answer(_HTTP, LOGIN, then=Then.CLOSE),
    "another protocol": _answer(_HTTP, b"SSH-2.0-OpenSSH_9.6\r\n"),
    "endless head": _endless(_HTTP, b"HTTP/1.1 200 OK\r\n", b"X: aaaaaaaaaaaaaa\r\n" * 50),
    "10,000 headers": _answer(_HTTP, response(BODY, more="X: a\r\n" * 10_000)),
    "endless 100 Continue": _endless(_TIMEOUT, b"", CONTINUE, pause=0.01),
    "100 Continue fifty times": _answer(None, CONTINUE * 50 + HEALTHY),
    "length too long": _sized(_HTTP, "Content-Length: 99", Then.CLOSE),
    "length too long, then silence": _sized(_TIMEOUT, "Content-Length: 99", Then.WAIT),
    "length too short": _sized(_JSON, "Content-Length: 9"),
    "length 0": _sized(_JSON, "Content-Length: 0"),
    "negative length": _sized(_HTTP, "Content-Length: -9"),
    "conflicting lengths": _sized(_HTTP, "Content-Length: 21\r\nContent-Length: 9"),
    "length of 10 GiB": _sized(Reason.TOO_LARGE, "Content-Length: 10737418240"),
    "malformed chunks": _answer(_HTTP, CHUNKED + b"zz\r\n{}\r\n0\r\n\r\n"),
    "endless chunks": _endless(
        Reason.TOO_LARGE, CHUNKED, b"ffff\r\n" + b" " * 0xFFFF + b"\r\n", pause=0.001
    ),
    "endless body": _endless(Reason.TOO_LARGE, UNTIL_END, b" " * 0xFFFF, pause=0.001),
    "bytes after the answer": _answer(None, HEALTHY + b"\r\n\r\nand more"),
    "second answer after the first": _answer(None, HEALTHY + response(b'{"mode":"maintenance"}')),
    # Compression that was not requested.
    "gzip bomb": _packed(Reason.TOO_LARGE, gzip.compress(bytes(32 * MAX_BODY))),
    "deflate bomb": _packed(Reason.TOO_LARGE, zlib.compress(bytes(32 * MAX_BODY)), "deflate"),
    "gzip in gzip": _packed(_JSON, gzip.compress(gzip.compress(BODY))),
    "invalid gzip": _packed(_HTTP, BODY),
    # Statuses.
    "204 without a body": _answer(_JSON, b"HTTP/1.1 204 No Content\r\n\r\n"),
    "redirect to itself": _status(Reason.REDIRECT, "302 Found", "Location: /server/status\r\n"),
    "redirect to another host": _status(Reason.REDIRECT, "307 T", f"Location: {ELSEWHERE}\r\n"),
    "redirect from https to http": replace(
        _status(Reason.REDIRECT, "301 Moved", f"Location: {ELSEWHERE}\r\n"),
        listens=Listens.TLS,
        secure=True,
        either=False,
    ),
    "redirect without a Location": _status(Reason.REDIRECT, "301 Moved Permanently"),
    "400": _status(Reason.HTTP_4XX, "400 Bad Request", body=LOGIN),
    "401": _status(Reason.HTTP_401, "401 Unauthorized", "WWW-Authenticate: Negotiate\r\n"),
    "403": _status(Reason.HTTP_403, "403 Forbidden", body=LOGIN),
    "404": _status(Reason.HTTP_404, "404 Not Found", body=LOGIN),
    "429 with Retry-After: 1": _status(Reason.HTTP_429, "429 Too Many", "Retry-After: 1\r\n"),
    "500": _status(Reason.HTTP_5XX, "500 Internal Server Error", body=LOGIN),
    "503": _status(Reason.HTTP_503, "503 Service Unavailable", body=LOGIN),
    "503 and 200 by turns": Fault(
        reason=Reason.HTTP_503,
        answers=(response(b"", status="503 Service Unavailable"), HEALTHY),
        flaps=True,
    ),
    # Bodies.
    "login page with 200": _body(_TYPE, LOGIN, content_type="text/html"),
    "login page labelled as JSON": _body(_TYPE, LOGIN),
    "image": _body(_TYPE, b"\x89PNG\r\n\x1a\n", content_type="image/png"),
    "JSON labelled as an image": _body(None, BODY, content_type="image/png"),
    "XML instead of JSON": _body(_TYPE, b"<a/>", content_type="application/xml"),
    "truncated JSON": _body(_JSON, BODY[:-3]),
    "100,000 levels": _body(_JSON, b'{"mode":' + b"[" * 100_000),
    "65 levels": _body(_JSON, b'{"a":' * 65 + b"1" + b"}" * 65),
    "20,000 objects": _body(_JSON, b'{"mode":[' + b"{}," * 20_000 + b"{}]}"),
    "110,000 values": _body(_JSON, b'{"mode":"production"' + b',"a":1' * 110_000 + b"}"),
    "number of 5,000 digits": _body(
        None, b'{"mode":"production","totalRequestCount":' + b"9" * 5000 + b"}"
    ),
    "NaN": _body(None, b'{"mode":"production","totalRequestCount":NaN}'),
    "duplicate key": _body(None, b'{"mode":"production","mode":"maintenance"}'),
    "numbers too large for a float": _body(
        None, b'{"mode":"production","totalRequestCount":1e999,"errorCount":' + b"9" * 400 + b"}"
    ),
    "lone surrogates": _body(None, b'{"mode":"\\ud800","x":"\\udfff\\ud800"}'),
    "bytes that are not UTF-8": _body(None, b'{"mode":"production\xff\xfe"}'),
    "different type of answer each time": _body(
        _SHAPE, b"1", b'"production"', b"null", b"[]", b"{}"
    ),
    "different type of field each time": _body(
        None,
        *(
            b'{"mode":%b,"max_memory":1}' % one
            for one in (b"1", b"[]", b"{}", b"true", b'"production"')
        ),
    ),
    "document type": _xml(_XML, b'<!DOCTYPE a><a><state value="active"/></a>'),
    "entity": _xml(_XML, b'<!DOCTYPE a [<!ENTITY e "active">]><a><state>&e;</state></a>'),
    "external entity": _xml(
        _XML,
        b'<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><a><state>&e;</state></a>',
    ),
    "billion laughs": _xml(
        _XML, b'<!DOCTYPE a [<!ENTITY l0 "l">' + LAUGHS + b"]><a><state>&l9;</state></a>"
    ),
    "undeclared entity": _xml(_XML, b"<a><state>&e;</state></a>"),
}


def tried() -> dict[str, Fault]:
    """Return the faults to try: most of them twice, the second time over TLS."""
    twice = {
        f"{name}, over TLS": replace(
            one,
            secure=True,
            listens=Listens.NOTHING if one.listens is Listens.NOTHING else Listens.TLS,
        )
        for name, one in FAULTS.items()
        if one.either
    }
    return {**FAULTS, **twice}
