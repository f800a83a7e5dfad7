"""Recognizes HTML and binary data by their first characters, and describes them in messages."""

import re

from exporter.text import excerpt

_BLANK = " \t\r\n"
_LOOKED_AT = 1024
# Bytes of binary data in a message: more than fit, so that the cut is marked and redaction sees it.
_SHOWN_BYTES = 64
_GZIP = b"\x1f\x8b"

# An XML declaration and comments may precede the first tag of a page.
_PROLOG = r"\s*(?:<\?[^<>]*>\s*|<!--(?:[^-]|-(?!->))*-->\s*){0,9}"
_PAGE = re.compile(_PROLOG + r"<(?:!doctype\s+html|html)\b", re.IGNORECASE)
_PAGE_BY_LABEL = re.compile(
    _PROLOG + r"<(?:!doctype\s+html|html|head|body|title|meta|h[1-6]|p|div|center|pre|font|form)\b",
    re.IGNORECASE,
)
_PAGE_LABELS = frozenset({"text/html", "application/xhtml+xml"})
_NO_TEXT = re.compile("[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f-\x9f\ufffd]")


def first_character(text: str) -> str:
    """Return the first character that is not blank; "" where there is none."""
    return text[:1] if text[:1] not in _BLANK else text.lstrip(_BLANK)[:1]


def is_page(text: str, media_type: str) -> bool:
    """Return whether the text is an HTML page; if the label is HTML, any usual tag is enough."""
    page = _PAGE_BY_LABEL if media_type in _PAGE_LABELS else _PAGE
    return page.match(text[:_LOOKED_AT]) is not None


def describe(body: bytes, text: str, codec: str) -> str:
    """Describe the answer, and show its beginning."""
    start = text[:_LOOKED_AT]
    if body.startswith(_GZIP):
        return f"gzip data without a Content-Encoding that says so: {_escape_bytes(body)}"
    if _NO_TEXT.search(start):
        return f"binary data: {_escape_bytes(body)}"
    wide = (
        f" in {codec[:6].replace('_', '-').upper()}"
        if codec.startswith(("utf_16", "utf_32"))
        else ""
    )
    return f"text{wide}: {beginning(start)}"


def beginning(text: str) -> str:
    """Show the beginning of a text, on one line."""
    return excerpt(" ".join(text[:_LOOKED_AT].split()))


def _escape_bytes(body: bytes) -> str:
    return excerpt(
        "".join(
            chr(byte) if 0x20 <= byte < 0x7F else f"\\x{byte:02x}"  # noqa: PLR2004 - ASCII
            for byte in body[:_SHOWN_BYTES]
        )
    )
