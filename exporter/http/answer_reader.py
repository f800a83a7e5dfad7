"""Reads an answer, within limits: a usual one with a regular expression, others with httptools."""

import re
from contextlib import suppress

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
    is_success,
    status_error,
    too_large,
)
from exporter.http.inflate import inflate
from exporter.http.message import HttpRequest

# Bytes of all headers of an answer: a hundred times as many as the vendors send.
_MAX_HEAD = 64 * 1024
_MAX_HEADERS = 250
# Bytes received per byte of the body: chunks of a single byte would need six.
_MAX_OVERHEAD = 2
_SWITCHING = 101
_FRAMING = {b"content-length", b"transfer-encoding"}
_KEPT_HEADERS = {*_FRAMING, b"content-type", b"content-encoding", b"retry-after", b"location"}
# The first bytes of the answer of a TLS server to a plain request.
_TLS_ALERT = b"\x15\x03"

# Bytes of all incomplete bodies. A small answer is always read, so that a few targets with large
# answers cannot take the others down.
_MAX_HELD = 64 * 1024 * 1024
_ALWAYS_READ = 16 * 1024


class BodyBudget:
    """Counts the bytes of incomplete bodies in memory."""

    def __init__(self) -> None:
        self.size = 0

    def take(self, size: int, of_body: int) -> None:
        """Add bytes to a body, which then has the size `of_body`.

        Raises:
            PollError: All bodies together are too large.
        """
        self.size += size
        if self.size > _MAX_HELD and of_body > _ALWAYS_READ:
            text = f"all answers that are being received have more than {_MAX_HELD} bytes"
            raise PollError(Reason.TOO_LARGE, text)

    def release(self, size: int) -> None:
        """Subtract bytes that are no longer in memory."""
        self.size -= size


class AnswerReader:
    """Reads the answer to one request in pieces, in all forms that HTTP/1.1 allows."""

    def __init__(self, request: HttpRequest, held: BodyBudget) -> None:
        self._request = request
        self._held = held
        self._parser = HttpResponseParser(self)
        # A bytearray grows in place; joining bytes would take quadratic time.
        self._body = bytearray()
        self._limit = request.max_body
        self._received = self._status = 0
        self._head_done = self._is_done = False
        self._failure: PollError | None = None
        self._refusal: StatusError | None = None
        self.is_reusable = False
        """Whether another request may use the connection."""
        self._reset_head()

    def _reset_head(self) -> None:
        self._head = self._header_count = 0
        self._headers: dict[bytes, bytes] = {}
        self._cookies: list[bytes] = []

    def feed(self, data: bytes) -> bool:
        """Read the next bytes, and return whether the answer is complete.

        Raises:
            PollError: The request does not accept the answer.
        """
        self._received += len(data)
        if self._received > _MAX_OVERHEAD * max(self._limit, MAX_BODY):
            raise self._failure_of(too_large(self._limit))
        self._head += not self._head_done and len(data)
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade:
            self.is_reusable = False  # The head was a complete answer.
        except HttpParserError as error:
            # One of the fixed texts of the parser, such as "Duplicate Content-Length".
            is_tls = data.startswith(_TLS_ALERT)
            self._note_failure(
                PollError(Reason.BAD_HTTP, IS_TLS if is_tls else f"{NOT_HTTP}: {error}")
            )
        if not self._head_done and self._head > _MAX_HEAD:
            self._note_failure(_large_head())
        if self._failure is not None:
            raise self._failure_of(self._failure)
        return self._is_done

    def end(self, error: OSError | None) -> None:
        """Handle the end of the connection, which may be the end of the body.

        Raises:
            PollError: The answer is not complete.
        """
        self.is_reusable = False
        if not self._head_done:
            raise PollError(Reason.CONNECT, BROKEN)
        if self._headers.keys() & _FRAMING:
            raise self._failure_of(PollError(Reason.BAD_HTTP, CUT_SHORT))
        if error is not None:
            raise self._failure_of(PollError(Reason.CONNECT, BROKEN))

    def answer(self, middle: float) -> Answer:
        """Return the complete answer.

        Raises:
            PollError: It is a failure, or its body cannot be decompressed.
        """
        if self._refusal is not None:
            raise self._failure_of(self._refusal)
        return Answer(
            self._headers.get(b"content-type", b"").decode("latin-1"),
            self._decoded(bytes(self._body), self._limit),
            middle,
            self._status,
            self._retry_after(),
            self._location(),
            tuple(one.decode("latin-1") for one in self._cookies),
        )

    def close(self) -> None:
        """Free the memory."""
        self._held.release(len(self._body))
        self._body = bytearray()
        del self._parser  # It refers to this reader.

    def _retry_after(self) -> str:
        return self._headers.get(b"retry-after", b"").decode("latin-1")

    def _location(self) -> str:
        return self._headers.get(b"location", b"").decode(errors="surrogateescape")

    def _failure_of(self, error: PollError) -> PollError:
        """Return the failure of the answer: its status, if that was a failure, or this error."""
        refusal = self._refusal
        if refusal is None:
            return error
        with suppress(PollError):
            refusal.body = self._decoded(bytes(self._body[:MAX_REFUSAL]), MAX_BODY)
        return refusal

    def _decoded(self, body: bytes, limit: int) -> bytes:
        return inflate(body, self._headers.get(b"content-encoding", b""), limit)

    def _note_failure(self, error: PollError) -> None:
        # The parser would replace an exception by its own.
        if self._is_done:
            self.is_reusable = False
        elif self._failure is None:
            self._failure = error

    # Called by the parser, also for bytes after a complete answer.

    def on_message_begin(self) -> None:
        """Reject the connection for further requests after a second answer."""
        if self._is_done:
            self.is_reusable = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header, but no trailer."""
        self._header_count += 1
        if self._header_count > _MAX_HEADERS or len(value) > _MAX_HEAD:
            self._note_failure(_large_head())
        elif not self._head_done:
            name, value = name.lower(), value.strip(b" \t")
            if name == b"set-cookie":
                self._cookies.append(value)
            elif name in _KEPT_HEADERS and (name != b"location" or not self._headers.get(name)):
                self._headers[name] = value

    def on_headers_complete(self) -> None:
        """Check the status, before the body arrives."""
        if self._is_done:
            return
        status = self._parser.get_status_code()
        if 100 <= status < 200 and status != _SWITCHING:  # noqa: PLR2004 - RFC 9110's classes
            self._reset_head()  # An interim answer; the final one follows.
            return
        self._head_done = True
        self._status = status
        length = self._headers.get(b"content-length", b"")
        if length.isdigit() and int(length[:20]) > self._limit > 0:
            self._note_failure(too_large(self._limit))
        if self._request.any_status:
            self._is_done = not self._limit
        elif not is_success(status) and status not in self._request.accept_status:
            error = status_error(status, self._retry_after(), self._location())
            if status in self._request.inspected:
                self._refusal, self._limit = error, MAX_REFUSAL
            else:
                self._failure = error

    def on_body(self, data: bytes) -> None:
        """Collect the body up to its limit."""
        if self._is_done or self._failure is not None:
            return
        self._body += data
        try:
            self._held.take(len(data), len(self._body))
        except PollError as error:
            self._note_failure(error)
        if len(self._body) > self._limit:
            self._note_failure(too_large(self._limit))

    def on_message_complete(self) -> None:
        """Mark the answer as complete."""
        if self._head_done and not self._is_done:
            self._is_done = True
            self.is_reusable = self._parser.should_keep_alive()


# A head with status 200, a length, no encoding and a persistent connection, with any other headers
# that do not affect how the body is read.
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
# Servers of the same kind send equal heads within a second.
_MAX_KNOWN_HEADS = 1024
_known_heads: dict[bytes, tuple[int, str] | None] = {}


def plain_answer(data: bytes) -> tuple[str, bytes] | None:
    """Return content type and body if the data is one complete answer of the usual form, else None."""
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
    """Return length and content type of a head of the usual form, else None."""
    if len(head) > _MAX_PLAIN_HEAD:
        return None
    found = _PLAIN_HEAD.fullmatch(head)
    plain = None
    if found and found["length"] and head.count(b"\r\n") <= _MAX_HEADERS:
        length, given = int(found["length"]), 1 + (found["type"] is not None)
        # The parser decides about repeated headers.
        if length <= MAX_BODY and len(_REPEATABLE.findall(head)) == given:
            plain = length, (found["type"] or b"").decode("latin-1")
    if len(_known_heads) >= _MAX_KNOWN_HEADS:
        _known_heads.clear()
    _known_heads[head] = plain
    return plain


def _large_head() -> PollError:
    text = f"{NOT_HTTP}: more than {_MAX_HEAD} bytes or {_MAX_HEADERS} headers"
    return PollError(Reason.BAD_HTTP, text)
