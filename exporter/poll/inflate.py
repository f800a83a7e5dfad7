"""A body as it was sent becomes the body that was meant, of at most 1 MiB.

Compression is never asked for; what comes compressed all the same is undone, up to the limit.
"""

import zlib

from exporter.errors import PollError, Reason
from exporter.poll.answer import CUT_SHORT, MAX_BODY, too_large

# Parts of a gzip body, which may be many and empty.
_MAX_MEMBERS = 100
_DEFLATE_METHOD = 8


def inflate(body: bytes, encoding: bytes) -> bytes:
    """Undo the compression, which was not asked for, up to the limit.

    Raises:
        PollError: It is damaged, of another kind, or goes beyond the limit.
    """
    if encoding in {b"", b"identity"}:
        return body
    if encoding in {b"gzip", b"x-gzip"}:
        window = 16 + zlib.MAX_WBITS
    elif encoding == b"deflate":
        # RFC 9110 means zlib's format; some servers send the bare one.
        has_head = body[:1] and body[0] & 0xF == _DEFLATE_METHOD
        window = zlib.MAX_WBITS if has_head else -zlib.MAX_WBITS
    else:
        raise PollError(Reason.BAD_HTTP, CUT_SHORT)
    unpacked = b""
    for _ in range(_MAX_MEMBERS):
        unpacker = zlib.decompressobj(window)
        try:
            unpacked += unpacker.decompress(body, MAX_BODY + 1 - len(unpacked))
        except zlib.error:
            break
        if len(unpacked) > MAX_BODY:
            raise too_large()
        if unpacker.eof and not unpacker.unused_data:
            return unpacked
        if not unpacker.eof:
            break
        body = unpacker.unused_data
    raise PollError(Reason.BAD_HTTP, CUT_SHORT)
