"""The bytes of an answer decide on its character set before its labels do."""

import codecs
import encodings.aliases

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.pipeline.charset import _CODECS, _NAMES, decode

RUSSIAN = '{"name": "Москва"}'
GERMAN = '{"name": "Köln"}'
BY_LABEL = {
    "windows-1251": (RUSSIAN, "cp1251"),
    "Windows-1251": (RUSSIAN, "cp1251"),
    "cp1251": (RUSSIAN, "cp1251"),
    "x-cp1251": (RUSSIAN, "cp1251"),
    "koi8-r": (RUSSIAN, "koi8_r"),
    "KOI8-U": (RUSSIAN, "koi8_u"),
    "ISO-8859-5": (RUSSIAN, "iso8859_5"),
    "IBM866": (RUSSIAN, "cp866"),
    "latin1": (GERMAN, "latin_1"),
    "ISO_8859-1:1987": (GERMAN, "latin_1"),
    "iso8859-1": (GERMAN, "latin_1"),
    "ISO-8859-15": ('{"price": "5€"}', "iso8859_15"),
    "windows-1252": ('{"price": "5€"}', "cp1252"),
    "GB2312": ('{"name": "中文"}', "gb2312"),
    "GBK": ('{"name": "中文€"}', "gb18030"),
    "gb18030": ('{"name": "中文\U0001f600"}', "gb18030"),
    "Big5": ('{"name": "中文"}', "big5"),
    "Shift_JIS": ('{"name": "日本語①"}', "cp932"),
    "x-sjis": ('{"name": "日本語"}', "shift_jis"),
    "windows-31j": ('{"name": "日本語①"}', "cp932"),
    "EUC-JP": ('{"name": "日本語"}', "euc_jp"),
    "ISO-2022-JP": ('{"name": "日本語"}', "iso2022_jp"),
    "EUC-KR": ('{"name": "한국어"}', "euc_kr"),
    "utf-16le": (GERMAN, "utf_16_le"),
    "UTF-16BE": (GERMAN, "utf_16_be"),
    "utf-16": (GERMAN, "utf_16_be"),
    "utf-32": (GERMAN, "utf_32_le"),
    "UTF8": (GERMAN, "utf_8"),
    "utf-8": (GERMAN, "utf_8"),
}


@pytest.mark.parametrize(("label", "text", "codec"), [(k, *v) for k, v in BY_LABEL.items()])
def test_the_label_names_the_character_set(label: str, text: str, codec: str) -> None:
    decoded = decode(text.encode(codec), label)

    assert (decoded.text, decoded.faults) == (text, ())


@pytest.mark.parametrize("label", ["", "utf-8", "iso-8859-1", "koi8-r", "utf-16", "nonsense"])
@pytest.mark.parametrize(
    ("mark", "codec"),
    [
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
    ],
)
def test_a_byte_order_mark_wins(mark: bytes, codec: str, label: str) -> None:
    for text in (GERMAN, "ж", ""):
        assert decode(mark + text.encode(codec), label)[::2] == (text, ())


@pytest.mark.parametrize("label", ["", "utf-8", "iso-8859-1", "us-ascii", "nonsense"])
@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("text", ['{"a": "ж"}', "[]", '["ж"]', "<ж/>", "1", " {}"])
def test_zeros_show_utf_16_and_utf_32(text: str, codec: str, label: str) -> None:
    assert decode(text.encode(codec), label)[::2] == (text, ())


GUESSED = {
    "UTF-8": ('{"a": "é"}'.encode(), '{"a": "é"}'),
    "ASCII": (b'{"a": 1}', '{"a": 1}'),
    "Windows-1252": (b'{"a": "5\x80 \x93K\xf6ln\x94"}', '{"a": "5€ “Köln”"}'),
    "empty": (b"", ""),
}


@pytest.mark.parametrize("label", ["", "us-ascii", "ASCII", "utf-16", "UTF-32LE"])
@pytest.mark.parametrize(("body", "text"), GUESSED.values(), ids=GUESSED)
def test_utf_8_and_then_windows_1252_are_guessed(body: bytes, text: str, label: str) -> None:
    # ASCII does not decide on the other bytes, and UTF-16 without a zero is not recognized.
    assert decode(body, label)[::2] == (text, ())


def test_latin_1_is_read_as_windows_1252() -> None:
    assert decode(b"5\x80", "iso-8859-1").text == "5€"


REPLACED = {
    "UTF-8 by its label": (
        b"a\xe9",
        "utf-8",
        "a\ufffd",
        "byte 2 of the answer (0xE9) is not UTF-8",
    ),
    "damaged UTF-8": (
        "KölnKölnK".encode() + b"\xf6",
        "",
        "KölnKölnK\ufffd",
        "byte 12 of the answer (0xF6) is not UTF-8",
    ),
    "what Windows-1252 has not": (
        b"a\x81",
        "",
        "a\ufffd",
        "byte 2 of the answer (0x81) is not WINDOWS-1252",
    ),
    "half a character": (
        b"a\x00b\x00c",
        "",
        "ab\ufffd",
        "byte 5 of the answer (0x63) is not UTF-16-LE",
    ),
    "EUC-JP": (b"a\xff", "euc-jp", "a\ufffd", "byte 2 of the answer (0xFF) is not EUC-JP"),
}


@pytest.mark.parametrize(("body", "label", "text", "fault"), REPLACED.values(), ids=REPLACED)
def test_a_byte_that_is_replaced_is_a_fault(body: bytes, label: str, text: str, fault: str) -> None:
    decoded = decode(body, label)

    assert (decoded.text, decoded.faults) == (text, (f"{fault}: replaced by U+FFFD",))


@pytest.mark.parametrize(
    "label", ["nonsense", "rot13", "hex", "zlib", "base64", "idna", "punycode", "utf-7", "hz", "-"]
)
def test_an_unknown_label_is_a_fault_and_does_not_count(label: str) -> None:
    decoded = decode("é".encode(), label)

    assert (decoded.text, decoded.faults) == ("é", (f'the character set "{label}" is not known',))


def test_a_long_label_is_cut_short() -> None:
    (fault,) = decode(b"{}", "a" * 500).faults

    assert fault == f'the character set "{"a" * 40}" is not known'


DECLARED = '<?xml version="1.0" encoding="{}"?><a>é</a>'
DECLARATIONS = {
    "its own": ("iso-8859-2", "", "iso-8859-2", ()),
    "the label counts more": ("iso-8859-2", "utf-8", "utf-8", ()),
    "an unknown label": ("cp850", "x", "cp850", ('the character set "x" is not known',)),
    "unknown": ("no", "", "utf-8", ('the character set "no" is not known',)),
    "UTF-16 that is none": ("utf-16", "", "utf-8", ()),
    "ASCII that is none": ("us-ascii", "", "utf-8", ()),
    "UTF-8 that is UTF-16": ("utf-8", "utf-8", "utf-16-le", ()),
    "ASCII and Windows-1252": ("us-ascii", "", "cp1252", ()),
}


@pytest.mark.parametrize(
    ("declared", "label", "codec", "faults"), DECLARATIONS.values(), ids=DECLARATIONS
)
def test_an_xml_declaration_counts_after_the_label(
    declared: str, label: str, codec: str, faults: tuple[str, ...]
) -> None:
    text = f" \r\n{DECLARED.format(declared)}"

    assert decode(text.encode(codec), label)[::2] == (text, faults)


def test_only_character_sets_are_known() -> None:
    known = [codecs.lookup(codec) for codec in _NAMES.values()]

    assert all(one._is_text_encoding for one in known)
    assert {codecs.lookup(one).name for one in _CODECS} >= {one.name for one in known}


LABELS = st.one_of(
    st.sampled_from(sorted(_NAMES)),
    st.sampled_from(sorted(encodings.aliases.aliases)),
    st.text(),
)


@given(st.binary(), LABELS)
@settings(deadline=None)
def test_any_bytes_become_a_text_with_faults_for_replaced_bytes(body: bytes, label: str) -> None:
    decoded = decode(body, label)

    decoded.text.encode()  # There are no surrogates.
    # Windows-1252 has no U+FFFD: one there was a byte. The others may have one of their own.
    assert decoded.faults or "\ufffd" not in decoded.text or decoded.codec != "cp1252"


@given(st.text(), st.sampled_from(["utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"]))
@settings(deadline=None)
def test_a_text_with_a_byte_order_mark_is_decoded_unchanged(text: str, codec: str) -> None:
    raw = text.encode(codec, "replace")

    assert decode("\ufeff".encode(codec) + raw, "") == (
        raw.decode(codec),
        codec.replace("-", "_"),
        (),
    )
