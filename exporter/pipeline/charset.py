"""Decodes the bytes of an answer, even if their character set is missing or wrong."""

import re
from codecs import charmap_decode
from encodings.aliases import aliases
from functools import lru_cache
from typing import NamedTuple

# A byte-order mark wins over every label. UTF-32 comes first: its mark begins with that of UTF-16.
_MARKS = (
    (b"\xef\xbb\xbf", "utf_8"),
    (b"\xff\xfe\0\0", "utf_32_le"),
    (b"\0\0\xfe\xff", "utf_32_be"),
    (b"\xff\xfe", "utf_16_le"),
    (b"\xfe\xff", "utf_16_be"),
)
# JSON and XML begin with an ASCII character. The keys show which of the first bytes are not zero.
_BY_ZEROS = {
    b"\1\0\0\0": "utf_32_le",
    b"\0\0\0\1": "utf_32_be",
    **dict.fromkeys((b"\1\0\1\0", b"\1\0\1\1", b"\1\0\0\1", b"\1\0"), "utf_16_le"),
    **dict.fromkeys((b"\0\1\0\1", b"\0\1\1\1", b"\0\1\1\0", b"\0\1"), "utf_16_be"),
}
_MARK = "\ufeff"

# Character sets only: `codecs` also knows transformations (rot13, zip). HZ and UTF-7, which write
# other text in ASCII, are left out; ISO-2022-JP, as stateful, is still in use for Japanese.
_ONE_BYTE = frozenset(
    {
        *(f"iso8859_{part}" for part in (*range(1, 12), *range(13, 17))),
        *(f"cp{page}" for page in (437, 850, 852, 855, 858, 866, 874, *range(1250, 1259))),
        *("latin_1", "ascii", "koi8_r", "koi8_u", "tis_620", "mac_roman", "mac_cyrillic"),
    }
)
_CODECS = _ONE_BYTE | {
    *("gb2312", "gbk", "gb18030", "big5", "big5hkscs", "cp950"),
    *("shift_jis", "cp932", "euc_jp", "iso2022_jp", "euc_kr", "cp949", "johab"),
    *("utf_8", "utf_8_sig", "utf_16", "utf_16_le", "utf_16_be"),
    *("utf_32", "utf_32_le", "utf_32_be"),
}
# Read as the superset that servers mean by the name, as browsers do (WHATWG's Encoding Standard).
_SUPERSETS = {
    "latin_1": "cp1252",
    "iso8859_1": "cp1252",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "utf_8_sig": "utf_8",
    # Big-endian order shows in a mark or in zeros.
    "utf_16": "utf_16_le",
    "utf_32": "utf_32_le",
}
# Names without an alias in Python.
_ALIASES = {"windows31j": "cp932", "ucs2": "utf_16_le", "iso10646ucs2": "utf_16_le"}
_GUESS = "ascii"
"""The label ASCII is treated like no label: other characters have to be guessed."""

_PUNCTUATION = re.compile("[^a-z0-9]")
_LONGEST_NAME = 40
_DECLARATION = re.compile(rb"\s*<\?xml\s[^<>]{0,200}?encoding\s*=\s*[\"']([^\"'<>]{1,40})[\"']")


class DecodedText(NamedTuple):
    """The text of an answer, the Python codec that decoded it, and faults."""

    text: str
    codec: str
    faults: tuple[str, ...] = ()


def decode(body: bytes, label: str = "") -> DecodedText:
    """Decode by the byte-order mark, the zeros of UTF-16 and UTF-32, or the first known label.

    `label` is the charset of the Content-Type, or "". It counts before the `encoding` of an XML
    declaration (RFC 7303 section 3). Without any it is UTF-8, else Windows-1252. An unknown label
    and a byte that had to be replaced are faults.
    """
    return _decode_by_bytes(body) or _decode_by_label(body, label)


def _decode_by_label(body: bytes, label: str) -> DecodedText:
    faults: list[str] = []
    for name in (label, _declared_encoding(body)):
        codec = _codec(name)
        if not codec:
            faults.append(f'the character set "{name[:_LONGEST_NAME]}" is not known')
        # UTF-16 and UTF-32 have zeros in each ASCII character; without zeros the label is wrong.
        elif codec != _GUESS and (b"\0" in body or not codec.startswith(("utf_16", "utf_32"))):
            decoded = _decode_by(body, codec)
            break
    else:
        decoded = _decode_by_guess(body)
    return decoded._replace(faults=(*faults, *decoded.faults)) if faults else decoded


def _decode_by_bytes(body: bytes) -> DecodedText | None:
    """Decode UTF-8, UTF-16 and UTF-32 by the byte-order mark, or by zeros (RFC 4627 section 3)."""
    for mark, codec in _MARKS:
        if body.startswith(mark):
            return _decode_by(body, codec)
    if b"\0" in body[:2]:
        found = _BY_ZEROS.get(bytes(map(bool, body[:4])))
        return _decode_by(body, found) if found else None
    return None


def _declared_encoding(body: bytes) -> str:
    found = _DECLARATION.match(body)
    return found[1].decode("latin-1") if found else ""


@lru_cache(maxsize=256)
def _codec(name: str) -> str:
    """Return the codec of a character set; "" where it is not known."""
    if not name:
        return _GUESS
    plain = _PUNCTUATION.sub("", name[:_LONGEST_NAME].lower())
    return _NAMES.get(plain) or _NAMES.get(plain.removeprefix("x"), "")


def _decode_by(body: bytes, codec: str) -> DecodedText:
    try:
        return DecodedText(body.decode(codec).removeprefix(_MARK), codec)
    except UnicodeDecodeError as error:
        fault = (
            f"byte {error.start + 1} of the answer (0x{body[error.start]:02X}) is not"
            f" {codec_name(codec)}: replaced by U+FFFD"
        )
        return DecodedText(_replace(body, codec).removeprefix(_MARK), codec, (fault,))


def _replace(body: bytes, codec: str) -> str:
    if codec not in _ONE_BYTE:
        return body.decode(codec, "replace")
    # Python replaces each byte at the cost of an exception: half a second for a mebibyte.
    table = bytes(range(256)).decode(codec, "replace")
    return charmap_decode(body, "strict", table)[0]


def _decode_by_guess(body: bytes) -> DecodedText:
    decoded = _decode_by(body, "utf_8")
    if not decoded.faults:
        return decoded
    text = decoded.text
    bad = text.count("\ufffd")
    # Few bad bytes among many good characters are damage, not another character set.
    good = len(text) - len(text.encode("ascii", "ignore")) - bad
    return decoded if good > bad else _decode_by(body, "cp1252")


def codec_name(codec: str) -> str:
    """Return the name of a codec for people: UTF-16-LE, WINDOWS-1252."""
    return codec.replace("cp125", "windows-125").replace("_", "-").upper()


def _codec_names() -> dict[str, str]:
    """Return the codec of each known name, in lower case and without punctuation.

    `codecs` is not used: it caches every name that is looked up.
    """
    known = [(name, name) for name in _CODECS]
    known += [(alias, name) for alias, name in aliases.items() if name in _CODECS]
    names = {_PUNCTUATION.sub("", alias): _SUPERSETS.get(name, name) for alias, name in known}
    return names | _ALIASES


_NAMES = _codec_names()
