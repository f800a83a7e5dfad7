"""Reads one answer, within limits: a plain one by an expression, any other by a parser."""

import re

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from exporter.errors import PollError, Reason
from exporter.http.answer import (
    BROKEN,
    CUT_SHORT,
    IS_TLS,
    MAX_BODY,
    MAX_REFUSAL,
    NOT_HTTP,
    Answer,
    StatusError,
    check_status,
    too_large,
)
from exporter.http.inflate import inflate
from exporter.http.message import HttpRequest

# All headers of an answer together; the vendors' are a hundredth of it.
_MAX_HEAD = 64 * 1024
_MAX_HEADERS = 250
# Chunks may be a byte each, with five more around it. No sensible server sends that.
_MAX_OVERHEAD = 2
_SWITCHING = 101
# What a server with TLS answers to a request without it.
_TLS_ALERT = b"\x15\x03"

# All bodies that are being received. An answer up to the size of the usual ones is always read,
# so that a few targets with large ones cannot take the others down.
_MAX_HELD = 64 * 1024 * 1024
_ALWAYS_READ = 16 * 1024


class BodyBudget:
    """How many bytes of incomplete bodies are in memory now."""

    __slots__ = ("size",)

    def __init__(self) -> None:
        self.size = 0

    def take(self, size: int, of_body: int) -> None:
        """Add bytes to a body of this size.

        Raises:
            PollError: All bodies together are too large.
        """
        self.size += size
        if self.size > _MAX_HELD and of_body > _ALWAYS_READ:
            text = f"all answers that are being received have more than {_MAX_HELD} bytes"
            raise PollError(Reason.TOO_LARGE, text)


class AnswerReader:
    """The answer to one request, piece by piece, with all that HTTP/1.1 allows."""

    __slots__ = (
        "_body",
        "_cookies",
        "_encoding",
        "_failure",
        "_head",
        "_head_done",
        "_headers",
        "_held",
        "_is_framed",
        "_limit",
        "_location",
        "_parser",
        "_received",
        "_refusal",
        "_request",
        "_retry_after",
        "_status",
        "_type",
        "is_done",
        "is_reusable",
    )

    def __init__(self, request: HttpRequest, held: BodyBudget) -> None:
        self._request = request
        self._held = held
        self._parser = HttpResponseParser(self)
        # A bytearray grows in place: joining bytes would take time by the square of the chunks.
        self._body = bytearray()
        self._limit = request.max_body
        self._received = self._head = 0
        self._head_done = False
        self._failure: PollError | None = None
        self._refusal: StatusError | None = None
        self._status = 0
        self.is_done = False
        self.is_reusable = False
        """Whether another request may follow on the connection."""
        self._forget_head()

    def _forget_head(self) -> None:
        self._head = self._headers = 0
        self._is_framed = False
        self._type = self._encoding = self._retry_after = self._location = b""
        self._cookies: list[bytes] = []

    def feed(self, data: bytes) -> bool:
        """Read on, and return whether the answer is complete.

        Raises:
            PollError: It is not one that the request accepts.
        """
        self._received += len(data)
        if self._received > _MAX_OVERHEAD * max(self._limit, MAX_BODY):
            raise self._fail(too_large(self._limit))
        self._head += not self._head_done and len(data)
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade:
            self.is_reusable = False  # The head was a complete answer, and was judged.
        except HttpParserError as error:
            # One of the parser's fixed texts, such as "Duplicate Content-Length".
            is_tls = data.startswith(_TLS_ALERT)
            self._note(PollError(Reason.BAD_HTTP, IS_TLS if is_tls else f"{NOT_HTTP}: {error}"))
        if not self._head_done and self._head > _MAX_HEAD:
            self._note(_large_head())
        if self._failure is not None:
            raise self._fail(self._failure)
        return self._is_complete()

    def end(self, error: OSError | None) -> None:
        """Judge what there is as the connection ends: it may be the end of the body.

        Raises:
            PollError: The answer is not complete.
        """
        self.is_reusable = False
        if not self._head_done:
            raise self._fail(PollError(Reason.CONNECT, BROKEN))
        if self._is_framed:
            raise self._fail(PollError(Reason.BAD_HTTP, CUT_SHORT))
        if error is not None:
            raise self._fail(PollError(Reason.CONNECT, BROKEN))
        self.is_done = True
        self._is_complete()

    def answer(self, middle: float) -> Answer:
        """Return the complete answer.

        Raises:
            PollError: Its body cannot be decompressed.
        """
        body = bytes(self._body)
        return Answer(
            self._type.decode("latin-1"),
            inflate(body, self._encoding, self._limit),
            middle,
            self._status,
            self._retry_after.decode("latin-1"),
            self._location.decode(errors="surrogateescape"),
            tuple(one.decode("latin-1") for one in self._cookies),
        )

    def close(self) -> None:
        """Free the memory."""
        self._held.size -= len(self._body)
        self._body = bytearray()
        del self._parser  # It refers to this reader.

    def _is_complete(self) -> bool:
        if self.is_done and self._refusal is not None:
            raise self._fail(self._refusal)
        return self.is_done

    def _fail(self, error: PollError) -> PollError:
        """Return why there is no answer: the status, however its body ends, if it was one."""
        refusal = self._refusal
        if refusal is None:
            return error
        try:
            refusal.body = inflate(bytes(self._body[:MAX_REFUSAL]), self._encoding, MAX_BODY)
        except PollError:
            refusal.body = b""
        return refusal

    def _note(self, error: PollError) -> None:
        # Exceptions do not pass through the parser as they are.
        if self.is_done:
            self.is_reusable = False
        elif self._failure is None:
            self._failure = error

    # Called by the parser. What follows a complete answer is no part of it.

    def on_message_begin(self) -> None:
        """Notice a second answer: the connection cannot be trusted."""
        if self.is_done:
            self.is_reusable = False

    def on_header(self, name: bytes, value: bytes) -> None:  # noqa: C901 - one branch a header
        """Note the few headers that matter; trailers do not."""
        self._headers += 1
        if self._headers > _MAX_HEADERS or len(value) > _MAX_HEAD:
            self._note(_large_head())
            return
        if self._head_done:
            return
        lower, value = name.lower(), value.strip(b" \t")
        if lower == b"content-type":
            self._type = value
        elif lower == b"content-encoding":
            self._encoding = value
        elif lower == b"retry-after":
            self._retry_after = value
        elif lower == b"transfer-encoding":
            self._is_framed = True
        elif lower == b"content-length":
            self._is_framed = True
            if value.isdigit() and int(value[:20]) > self._limit > 0:
                self._note(too_large(self._limit))
        elif lower == b"location":
            self._location = self._location or value
        elif lower == b"set-cookie":
            self._cookies.append(value)

    def on_headers_complete(self) -> None:
        """Judge the status, before any of the body."""
        if self.is_done:
            return
        status = self._parser.get_status_code()
        if 100 <= status < 200 and status != _SWITCHING:  # noqa: PLR2004 - RFC 9110's classes
            self._forget_head()  # An interim answer; the final one follows.
            return
        self._head_done = True
        self._status = status
        if not self._request.any_status:
            self._check_status(status)
        elif not self._limit:
            self.is_done = True

    def _check_status(self, status: int) -> None:
        try:
            check_status(
                status,
                self._retry_after.decode("latin-1"),
                self._location.decode(errors="surrogateescape"),
            )
        except StatusError as error:
            if status in self._request.accept_status:
                return
            if status in self._request.inspected:
                self._refusal, self._limit = error, MAX_REFUSAL
            else:
                self._failure = error

    def on_body(self, data: bytes) -> None:
        """Gather the body up to the limit."""
        if self.is_done or self._failure is not None:
            return
        self._body += data
        try:
            self._held.take(len(data), len(self._body))
        except PollError as error:
            self._note(error)
        if len(self._body) > self._limit:
            self._note(too_large(self._limit))

    def on_message_complete(self) -> None:
        """Note the end of the answer."""
        if self._head_done and not self.is_done:
            self.is_done = True
            self.is_reusable = self._parser.should_keep_alive()


# A head with status 200, a length, no coding, and a connection that stays open; headers besides
# those that decide how to go on may be anything.
_PLAIN_HEAD = re.compile(
    rb"HTTP/1\.1 200 [ -~]*"
    rb"(?:\r\n(?:"
    rb"(?!(?i:content-|transfer-encoding|connection|trailer|upgrade))"
    rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t -~]*"
    rb"|(?i:content-length):[ \t]*(?P<length>[0-9]{1,7})[ \t]*(?![^\r])"
    rb"|(?i:content-type):[ \t]*(?P<type>[!-~](?:[\t -~]*[!-~])?)[ \t]*(?![^\r])"
    rb"|(?i:connection):[ \t]*(?i:keep-alive)[ \t]*(?![^\r])"
    rb"|(?i:content-(?:language|disposition|security-policy)):[\t -~]*"
    rb"))*"
)
_REPEATABLE = re.compile(rb"\r\n(?i:content-(?:length|type)):")
_MAX_PLAIN_HEAD = 4096
# Servers of one kind send the same head, apart from its date, within the same second.
_MAX_KNOWN_HEADS = 1024
_known_heads: dict[bytes, tuple[int, str] | None] = {}


def plain_answer(data: bytes) -> tuple[str, bytes] | None:
    """Return content type and body where the data is one complete, plain answer 200."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = data[:end]
    try:
        plain = _known_heads[head]
    except KeyError:
        plain = _read_head(head)
    if plain is None or len(data) - end - 4 != plain[0]:
        return None
    return plain[1], data[end + 4 :]


def _read_head(head: bytes) -> tuple[int, str] | None:
    """Return the length and content type of a plain head."""
    if len(head) > _MAX_PLAIN_HEAD:
        return None
    found = _PLAIN_HEAD.fullmatch(head)
    plain = None
    if found and found["length"] and head.count(b"\r\n") <= _MAX_HEADERS:
        length, given = int(found["length"]), 1 + (found["type"] is not None)
        # Two of one name are for the parser to judge.
        if length <= MAX_BODY and len(_REPEATABLE.findall(head)) == given:
            plain = length, (found["type"] or b"").decode("latin-1")
    if len(_known_heads) >= _MAX_KNOWN_HEADS:
        _known_heads.clear()
    _known_heads[head] = plain
    return plain


def _large_head() -> PollError:
    text = f"{NOT_HTTP}: more than {_MAX_HEAD} bytes or {_MAX_HEADERS} headers"
    return PollError(Reason.BAD_HTTP, text)
