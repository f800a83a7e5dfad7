"""The bytes of an answer become a tree, or a failure with a reason."""

import gzip
import json
from collections.abc import Collection
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.declare.endpoint import Endpoint
from exporter.errors import PollError, Reason
from exporter.http.answer import Answer
from exporter.pipeline.read import ParsedAnswer, parse
from exporter.systems import SYSTEMS

JSON_ONLY = ("json",)
BOTH = ("json", "xml")
XML_ONLY = ("xml",)
TEXT = ("text",)


def parsed(
    body: bytes,
    content_type: str = "",
    formats: Collection[str] = BOTH,
    *,
    roots: tuple[str, ...] = (),
    takes_list: bool = False,
) -> ParsedAnswer:
    answer = Answer(content_type, body, 0.0)
    path = "/0" if takes_list else "/a"
    return parse(answer, declared({"gauge": "s_v", "path": path}, formats=formats, roots=roots))


def declared(*fields: dict[str, Any], formats: Collection[str], roots: Any = ()) -> Endpoint:
    return Endpoint.model_validate(
        {"path": "/", "formats": list(formats), "roots": list(roots), "fields": list(fields)}
    )


def refusal(body: bytes, content_type: str = "", formats: Collection[str] = BOTH) -> str:
    with pytest.raises(PollError) as caught:
        parsed(body, content_type, formats)
    return str(caught.value)


BODIES = {
    "json": b' \r\n{"state": {"value": "active"}}',
    "xml": b' \r\n<?xml version="1.0"?><state value="active"/>',
    "html": b" \r\n<HTML><body>Log in</body></HTML>",
    "doctype": b"<!-- a --><!DOCTYPE html><body/>",
    "xhtml": b'<?xml version="1.0"?>\n<!doctype HTML PUBLIC "-//W3C//DTD XHTML 1.0"><html/>',
    "text": b"Log in",
}
BAD_JSON, BAD_XML, BAD_TYPE = Reason.BAD_JSON, Reason.BAD_XML, Reason.BAD_CONTENT_TYPE
# The result for a text with each content type; other bodies do not depend on it.
LABELS: dict[str, Reason] = {
    "": BAD_JSON,
    "text/plain": BAD_JSON,
    "text/plain; charset=UTF-8": BAD_JSON,
    "application/octet-stream": BAD_JSON,
    "nonsense": BAD_JSON,
    "application/json": BAD_JSON,
    " Application/JSON ;charset=utf-8": BAD_JSON,
    "application/problem+json": BAD_JSON,
    "application/xml": BAD_XML,
    "text/xml": BAD_XML,
    "application/atom+xml": BAD_XML,
    "text/html": BAD_JSON,
    "application/xhtml+xml; charset=utf-8": BAD_XML,
    "image/png": BAD_TYPE,
    "multipart/mixed": BAD_TYPE,
}


@pytest.mark.parametrize("kind", BODIES)
@pytest.mark.parametrize("content_type", LABELS)
def test_the_first_character_decides_not_the_label(content_type: str, kind: str) -> None:
    actual: Any
    try:
        actual = parsed(BODIES[kind], content_type).tree
    except PollError as error:
        actual = error.reason

    tree = {"state": {"value": "active"}}
    assert actual == {"json": tree, "xml": tree, "text": LABELS[content_type]}.get(kind, BAD_TYPE)


@pytest.mark.parametrize(
    "body", [b"<title>Log in</title>", b"<h1>503</h1>", b"<P>no", b"<!-- --><body>"]
)
def test_a_fragment_is_a_page_if_it_is_labelled_html(body: bytes) -> None:
    assert "the answer is an HTML page" in refusal(body, "text/html")
    with pytest.raises(PollError, match="bad_xml"):
        parsed(body + b"<", "text/xml")


@pytest.mark.parametrize("label", ["text/html", "text/plain", "image/png", ""])
def test_a_body_that_begins_like_xml_is_no_page(label: str) -> None:
    for body in (b"<r><v>1</v></r>", b"<htmlish/>", b"<status/>", b"<pages/>"):
        assert isinstance(parsed(body, label).tree, dict)


def test_only_the_declared_formats_are_accepted() -> None:
    assert refusal(b"<a/>", "text/xml", JSON_ONLY) == (
        'bad_content_type: the answer is XML, not JSON: "<a/>"'
    )
    assert refusal(b'{"a": 1}', "", XML_ONLY) == (
        'bad_content_type: the answer looks like JSON, not XML: "{"a": 1}"'
    )


@pytest.mark.parametrize(
    "body",
    [b"UP 0 years\nready", b"", b'{"a": 1}', b"<a/>", b"<html></html>", b"12", b"\xef\xbb\xbfUP"],
)
def test_a_text_is_not_changed(body: bytes) -> None:
    assert parsed(body, "text/html", TEXT) == (body.decode("utf-8-sig"), ())


def test_an_answer_that_is_neither_json_nor_xml_is_text() -> None:
    formats = ("json", "xml", "text")

    assert parsed(b'{"a": 1}', "", formats).tree == {"a": 1}
    assert parsed(b"<a>1</a>", "", formats).tree == {"a": "1"}
    assert parsed("UP für".encode("cp1252"), "", formats).tree == "UP für"
    assert parsed(b"12", "", formats).tree == "12"


CASES = {
    "JSON labelled as HTML": (b'{"v":1,"name":"x"}', "text/html; charset=UTF-8", "x"),
    "XML in the character set of its label": (
        "<v><name>Köln</name></v>".encode("latin-1"),
        "text/xml; charset=ISO-8859-1",
        "Köln",
    ),
    "Cyrillic": (
        '{"name":"Москва"}'.encode("cp1251"),
        "application/json; charset=windows-1251",
        "Москва",
    ),
    "Chinese": ('{"name":"中文"}'.encode("gb2312"), "application/json; charset=GB2312", "中文"),
    "quoted": (b'{"name":"\x80"}', 'application/json; q=1; Charset="windows-1252"', "€"),
    "UTF-16 without a label": ('{"name":"Grün"}'.encode("utf-16-le"), "application/json", "Grün"),
    "UTF-16 with a mark": ('{"name":"Grün"}'.encode("utf-16"), "application/json", "Grün"),
    "UTF-8 said to be UTF-16": ('{"name":"Grün"}'.encode(), "text/plain; charset=utf-16", "Grün"),
    "no charset": (b'{"name":"K\xf6ln"}', "application/json; charset", "Köln"),
    "XML that is not UTF-16": (
        b'<?xml version="1.0" encoding="utf-16"?><v><name>K</name></v>',
        "application/xml",
        "K",
    ),
}


@pytest.mark.parametrize(("body", "content_type", "name"), CASES.values(), ids=CASES)
def test_characters_are_read_as_they_were_meant(body: bytes, content_type: str, name: str) -> None:
    tree, faults = parsed(body, content_type, roots=("name",))

    assert (tree["name"], faults) == (name, ())


def test_a_replaced_character_is_a_fault() -> None:
    tree, faults = parsed(b'{"a": "\xe9"}', "application/json; charset=utf-8")

    assert tree == {"a": "\ufffd"}
    assert faults == ("byte 8 of the answer (0xE9) is not UTF-8: replaced by U+FFFD",)
    assert parsed(b"<a>1</a>", "text/xml; charset=x").faults == (
        'the character set "x" is not known',
    )


REFUSALS = {
    b"": "bad_json: the answer is empty",
    b"\r\n\t ": "bad_json: the answer is empty",
    b"\xef\xbb\xbf": "bad_json: the answer is empty",
    b"UP 0 years,\n 0 days": (
        'bad_json: the answer is not JSON but looks like text: "UP 0 years, 0 days"'
    ),
    b"12 monkeys": 'bad_json: the answer is not JSON but looks like text: "12 monkeys"',
    b"a" * 80: f'bad_json: the answer is not JSON but looks like text: "{"a" * 35}...',
    b"\x1b[2Jready": 'bad_json: the answer is not JSON but looks like text: "\ufffd[2Jready"',
    "UP für".encode("utf-16"): (
        'bad_json: the answer is not JSON but looks like text in UTF-16: "UP für"'
    ),
    gzip.compress(b"{}", mtime=0)[:6]: (
        "bad_json: the answer is not JSON but looks like gzip data without a Content-Encoding"
        ' that says so: "\\x1f\\x8b\\x08\\x00\\x00\\x00"'
    ),
    b"\x08\x96\x01\x12\x07testing": (
        'bad_json: the answer is not JSON but looks like binary data: "\\x08\\x96\\x01\\x12\\x07testing"'
    ),
    b"<html><head>": 'bad_content_type: the answer is an HTML page, not JSON: "<html><head>"',
    b'{"a": 1}\n{"a": 2}': (
        "bad_json: looks like JSON lines: a second value begins at line 2 column 1"
    ),
    b"[]": "bad_shape: the answer is a list, not an object",
    b"12": "bad_shape: the answer is 12, not an object",
    b" null": "bad_shape: the answer is null, not an object",
    b'"a text"': 'bad_shape: the answer is "a text", not an object',
    b"NaN": "bad_shape: the answer is nan, not an object",
}


@pytest.mark.parametrize(
    ("body", "expected"), REFUSALS.items(), ids=[repr(body[:24]) for body in REFUSALS]
)
def test_a_refusal_says_what_the_answer_looks_like(body: bytes, expected: str) -> None:
    assert refusal(body, "application/json", JSON_ONLY) == expected


def test_a_refusal_names_the_formats_and_an_odd_label() -> None:
    assert refusal(b"\x89PNG\r\n\x1a\n", "image/png") == (
        'bad_content_type: the answer, labelled "image/png", is not JSON or XML'
        ' but looks like binary data: "\\x89PNG\\x0d\\x0a\\x1a\\x0a"'
    )
    assert refusal(b"no", "", XML_ONLY) == (
        'bad_xml: the answer is not XML but looks like text: "no"'
    )
    assert refusal(b" ", "text/xml") == "bad_xml: the answer is empty"


def test_a_list_is_accepted_if_one_is_expected() -> None:
    assert parsed(b" [1]", takes_list=True).tree == [1]
    assert parsed(b'{"a": 1}', takes_list=True).tree == {"a": 1}


def test_json_roots_are_found_inside_the_only_object() -> None:
    body = b'{"state": {"value": "active"}}'
    wrapped = b'{"version": 1, "server": ' + body + b"}"

    for one in (body, wrapped):
        assert parsed(one, roots=("state", "launch")).tree == {"state": {"value": "active"}}


ROOTS = {
    "the first of two roots": (b"<s><state>a</state><state>b</state></s>", {"state": "a"}),
    "the outermost root": (b"<s><x><state>a</state></x></s>", {"state": "a"}),
    "a root that is the document": (b"<state value='a'/>", {"state": {"value": "a"}}),
    "a root that is nil": (
        b"<s xmlns:i='http://www.w3.org/2001/XMLSchema-instance'><state i:nil='true'/></s>",
        {},
    ),
}


@pytest.mark.parametrize(("body", "tree"), ROOTS.values(), ids=ROOTS)
def test_xml_roots_are_found_at_any_depth(body: bytes, tree: Any) -> None:
    assert parsed(body, roots=("state",)).tree == tree


PEERS = {
    "each": "/hub/peers/peer",
    "labels": {"peer": "/id"},
    "fields": [{"each": "/line", "fields": [{"count": "own_lines"}]}],
}
BY_KEY = {
    "each": "/hub/ports",
    "labels": {"port": "@key"},
    "fields": [{"count": "own_ports"}],
}


def test_an_endpoint_decides_how_its_answers_are_parsed() -> None:
    endpoint = declared(PEERS, BY_KEY, formats=["xml"])
    body = b'<hub><peers><peer id="a"><line/></peer></peers><ports/></hub>'

    assert parse(Answer("application/xml", body, 0.0), endpoint).tree == {
        "hub": {"peers": {"peer": [{"id": "a", "line": [""]}]}, "ports": {}}
    }


def test_without_roots_the_paths_begin_with_the_root_element() -> None:
    endpoint = declared({"gauge": "own_calls", "path": "/hub/calls"}, formats=["json", "xml"])

    assert parse(Answer("text/xml", b"<hub><calls>7</calls></hub>", 0.0), endpoint).tree == {
        "hub": {"calls": "7"}
    }


CONTENT_TYPES = st.one_of(
    st.sampled_from([*LABELS, "application/json; charset=utf-16", "text/xml; charset=koi8-r"]),
    st.text(),
)
DECLARED = st.builds(
    lambda name, rest: f'<?xml version="1.0" encoding="{name}"?><s>'.encode() + rest,
    st.sampled_from(["utf-16", "latin1", "hex", "utf-8", "Shift_JIS"]),
    st.binary(),
)
MARKUP = st.lists(
    st.sampled_from([*b"<>{}[]\"'&;/!?: ,0-", *b"ae1\xff\x00\xc3"]).map(lambda one: bytes([one]))
).map(b"".join)
BODY = st.one_of(st.binary(), MARKUP, DECLARED, st.sampled_from(sorted(BODIES.values())))


@given(BODY, CONTENT_TYPES, st.sampled_from([JSON_ONLY, XML_ONLY, BOTH, TEXT]))
@settings(deadline=None)
def test_any_bytes_give_a_tree_or_a_poll_error(
    body: bytes, content_type: str, formats: tuple[str, ...]
) -> None:
    try:
        tree, _ = parsed(body, content_type, formats)
    except PollError as error:
        assert error.reason in {BAD_JSON, BAD_XML, BAD_TYPE, Reason.BAD_SHAPE}  # noqa: PT017
    else:
        assert isinstance(tree, str if formats == TEXT else dict)


@given(BODY, CONTENT_TYPES)
@settings(deadline=None)
def test_systems_accept_any_bytes(body: bytes, content_type: str) -> None:
    for system in SYSTEMS.values():
        for endpoint in system.endpoints:
            try:
                parse(Answer(content_type, body, 0.0), endpoint)
            except PollError as error:
                assert str(error).isprintable() or "\ufffd" in str(error)  # noqa: PT017


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(),
)
OBJECTS = st.dictionaries(
    st.text(),
    st.recursive(
        SCALARS,
        lambda one: st.lists(one, max_size=5) | st.dictionaries(st.text(), one, max_size=5),
        max_leaves=15,
    ),
    max_size=5,
)
UNICODE = st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])


@given(OBJECTS, st.booleans(), UNICODE)
@settings(deadline=None)
def test_any_json_object_is_parsed_unchanged(
    value: dict[str, Any], escaped: bool, codec: str
) -> None:
    raw = json.dumps(value, ensure_ascii=escaped).encode(codec)

    assert parsed(raw, "application/json") == (value, ())
