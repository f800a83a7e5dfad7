"""Decompresses a body, up to a limit. Some servers compress though no request accepts it."""

import zlib

from exporter.errors import PollError, Reason
from exporter.http.answer import CUT_SHORT, too_large
from exporter.text import excerpt

# Members of a gzip body: they may be empty, so that their number has no limit.
_MAX_MEMBERS = 100
_DEFLATE_METHOD = 8
# Content-Encodings of uncompressed bodies; some servers put the character set there.
_NO_CODINGS = frozenset({b"", b"identity", b"none", b"utf-8", b"utf8", b"binary", b"8bit"})


def inflate(body: bytes, encoding: bytes, limit: int) -> bytes:
    """Return the decompressed body, up to a limit in bytes.

    Raises:
        PollError: It is damaged, too large, or compressed in an unsupported way.
    """
    encoding = encoding.lower()
    if encoding in _NO_CODINGS:
        return body
    if encoding in {b"gzip", b"x-gzip"}:
        window = 16 + zlib.MAX_WBITS
    elif encoding == b"deflate":
        # RFC 9110 specifies the zlib format; some servers send raw deflate.
        has_head = body[:1] and body[0] & 0xF == _DEFLATE_METHOD
        window = zlib.MAX_WBITS if has_head else -zlib.MAX_WBITS
    else:
        name = excerpt(encoding.decode("latin-1"))
        raise PollError(Reason.BAD_HTTP, f"the Content-Encoding {name} is not supported")
    unpacked = b""
    for _ in range(_MAX_MEMBERS):
        unpacker = zlib.decompressobj(window)
        try:
            unpacked += unpacker.decompress(body, limit + 1 - len(unpacked))
        except zlib.error:
            break
        if len(unpacked) > limit:
            raise too_large(limit)
        if unpacker.eof and not unpacker.unused_data:
            return unpacked
        if not unpacker.eof:
            break
        body = unpacker.unused_data
    raise PollError(Reason.BAD_HTTP, CUT_SHORT)
