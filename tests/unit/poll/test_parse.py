"""Bytes become one plain tree, or one reason why not; no bytes whatever become anything else."""

import codecs
import encodings.aliases
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.errors import PollError, Reason
from exporter.poll.answer import Answer
from exporter.poll.parse import MAX_DEPTH, parse
from exporter.spec import KEY, Count, Each, Endpoint, Gauge
from exporter.systems import SYSTEMS

JSON_ONLY = SYSTEMS["genesys_ucs"].endpoints[0]
BOTH = SYSTEMS["mdworkbench"].endpoints[0]
"""Takes JSON and XML; its roots are `state` and `launch`."""


def tree(body: bytes, content_type: str = "application/json") -> Any:
    return parse(Answer(content_type, body, 0.0), JSON_ONLY)


def xml_tree(body: bytes | str, content_type: str = "application/xml") -> Any:
    raw = body.encode() if isinstance(body, str) else body
    return parse(Answer(content_type, raw, 0.0), BOTH)


def refusal(body: bytes, content_type: str = "application/json") -> str:
    with pytest.raises(PollError) as caught:
        parse(Answer(content_type, body, 0.0), BOTH if "xml" in content_type else JSON_ONLY)
    return str(caught.value)


def refused_xml(body: bytes | str) -> str:
    return refusal(body.encode() if isinstance(body, str) else body, "application/xml")


BODIES = {
    "json": b' \r\n{"state": {"value": "active"}}',
    "xml": b' \r\n<server><state value="active"/></server>',
    "html": b" \r\n<HTML><body>Log in</body></HTML>",
    "doctype": b"<!DOCTYPE html><body/>",
    "text": b"Log in",
}
BAD_JSON, BAD_XML, BAD_TYPE = Reason.BAD_JSON, Reason.BAD_XML, Reason.BAD_CONTENT_TYPE
# For each content type what becomes of the bodies above, in their order; None is a tree.
DECISIONS: dict[str, tuple[Reason | None, ...]] = {
    "": (None, None, BAD_TYPE, BAD_TYPE, BAD_JSON),
    "text/plain": (None, None, BAD_TYPE, BAD_TYPE, BAD_JSON),
    "text/plain; charset=UTF-8": (None, None, BAD_TYPE, BAD_TYPE, BAD_JSON),
    "application/octet-stream": (None, None, BAD_TYPE, BAD_TYPE, BAD_JSON),
    "nonsense": (None, None, BAD_TYPE, BAD_TYPE, BAD_JSON),
    "application/json": (None, BAD_JSON, BAD_TYPE, BAD_TYPE, BAD_JSON),
    " Application/JSON ;charset=utf-8": (None, BAD_JSON, BAD_TYPE, BAD_TYPE, BAD_JSON),
    "text/json": (None, BAD_JSON, BAD_TYPE, BAD_TYPE, BAD_JSON),
    "application/problem+json": (None, BAD_JSON, BAD_TYPE, BAD_TYPE, BAD_JSON),
    "application/xml": (BAD_XML, None, BAD_TYPE, BAD_TYPE, BAD_XML),
    "text/xml": (BAD_XML, None, BAD_TYPE, BAD_TYPE, BAD_XML),
    "application/atom+xml": (BAD_XML, None, BAD_TYPE, BAD_TYPE, BAD_XML),
    "text/html": (BAD_TYPE,) * 5,
    "application/xhtml+xml; charset=utf-8": (BAD_TYPE,) * 5,
    "image/png": (BAD_TYPE,) * 5,
    "multipart/mixed": (BAD_TYPE,) * 5,
}


@pytest.mark.parametrize("kind", BODIES)
@pytest.mark.parametrize("content_type", DECISIONS)
def test_the_content_type_decides_and_else_the_first_byte(content_type: str, kind: str) -> None:
    body = BODIES[kind].lstrip() if kind == "xml" else BODIES[kind]
    actual = None
    try:
        assert parse(Answer(content_type, body, 0.0), BOTH) == {"state": {"value": "active"}}
    except PollError as error:
        actual = error.reason

    assert actual == DECISIONS[content_type][list(BODIES).index(kind)]


@pytest.mark.parametrize("content_type", ["", "text/xml"])
def test_xml_is_refused_where_the_system_has_none(content_type: str) -> None:
    with pytest.raises(PollError, match="bad_content_type: the answer is XML, not JSON"):
        parse(Answer(content_type, b"<a/>", 0.0), JSON_ONLY)


TEXTS = [
    (codecs.BOM_UTF8 + b'{"a": "\xc3\xa9"}', "application/json", "é"),
    ('{"a": "é"}'.encode("utf-16"), "application/json; charset=utf-16", "é"),
    (b'{"a": "\xe9"}', "application/json; charset=ISO-8859-1", "é"),
    (b'{"a": "\x80"}', 'application/json; q=1; Charset="windows-1252"', "€"),
    (b'{"a": "\xc3\xa9"}', "application/json; charset=rot13", "é"),
    (b'{"a": "\xc3\xa9"}', "application/json; charset", "é"),
    (b'{"a": "\xe9"}', "application/json", "\ufffd"),
    (b'{"a": "\xe9"}', "application/json; charset=us-ascii", "\ufffd"),
    (b'{"a": "\\ud800"}', "application/json", "\ud800"),
]


@pytest.mark.parametrize(("body", "content_type", "expected"), TEXTS)
def test_a_character_set_is_decoded(body: bytes, content_type: str, expected: str) -> None:
    assert tree(body, content_type) == {"a": expected}


def nested(depth: int) -> bytes:
    return b'{"a":' * (depth - 1) + b"{}" + b"}" * (depth - 1)


TOO_DEEP = f"more than {MAX_DEPTH} levels deep"
REFUSALS = {
    b"": "bad_json: the answer is empty",
    b"\r\n\t ": "bad_json: the answer is empty",
    codecs.BOM_UTF8: "bad_json: the answer is empty",
    b'{"a": NaN}': "bad_json: NaN is not JSON",
    b'{"a": Infinity}': "bad_json: Infinity is not JSON",
    b'{"a": [-Infinity]}': "bad_json: -Infinity is not JSON",
    b'{"a": 1, "b": 2, "a": 1}': 'bad_json: the key "a" stands twice in one object',
    b'{"b": {"\\u001b[2J": 1, "\\u001b[2J": 1}}': (
        'bad_json: the key "\ufffd[2J" stands twice in one object'
    ),
    b'{"a": ' + b"9" * 5000 + b"}": "bad_json: a number has too many digits",
    b'{"a": 1': "bad_json: not valid JSON: Expecting ',' delimiter, line 1 column 8",
    b"{'a': 1}": (
        "bad_json: not valid JSON: Expecting property name enclosed in double quotes,"
        " line 1 column 2"
    ),
    b"{}\n{}": "bad_json: not valid JSON: Extra data, line 2 column 1",
    b'{"a": "\x00"}': "bad_json: not valid JSON: Invalid control character at, line 1 column 8",
    nested(MAX_DEPTH + 1): f"bad_json: {TOO_DEEP}",
    b'{"a":' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"}": f"bad_json: {TOO_DEEP}",
    b"[" * 9_000: f"bad_json: {TOO_DEEP}",
    b"[" * 100_000: "bad_json: more than 10000 parts",
    b'{"a":' * 100_000 + b"1" + b"}" * 100_000: "bad_json: more than 10000 parts",
    b'{"a": [' + b"{}," * 10_000 + b"{}]}": "bad_json: more than 10000 parts",
    b"{" + b"".join(b'"%d":1,' % n for n in range(80_000)) + b'"7":1}': (
        'bad_json: the key "7" stands twice in one object'
    ),
    b"[]": "bad_shape: the answer is a list, not an object",
    b"12": "bad_shape: the answer is 12, not an object",
    b'"a text"': 'bad_shape: the answer is "a text", not an object',
}


@pytest.mark.parametrize(
    ("body", "expected"), REFUSALS.items(), ids=[repr(body[:24]) for body in REFUSALS]
)
def test_bad_json_is_refused(body: bytes, expected: str) -> None:
    assert refusal(body) == expected


@pytest.mark.parametrize("body", [b"null", b"true", b"1e5"])
def test_a_scalar_is_no_object(body: bytes) -> None:
    assert refusal(body).startswith("bad_shape: the answer is ")


def test_json_may_be_as_deep_as_the_limit_and_wide() -> None:
    assert tree(nested(MAX_DEPTH)) == json.loads(nested(MAX_DEPTH))
    assert tree(b'{"a": [' + b"{}," * 1000 + b"{}]}") == {"a": [{}] * 1001}


def test_an_integer_keeps_its_digits() -> None:
    assert tree(b'{"a": 9007199254740993}') == {"a": 9007199254740993}


def test_json_roots_are_found_inside_the_only_object() -> None:
    body = b'{"state": {"value": "active"}}'
    wrapped = b'{"version": 1, "server": ' + body + b"}"

    assert xml_tree(body, "application/json") == {"state": {"value": "active"}}
    assert xml_tree(wrapped, "application/json") == {"state": {"value": "active"}}


DTD = {
    "empty": "<!DOCTYPE state><state/>",
    "internal": '<!DOCTYPE state [<!ENTITY a "b">]><state>&a;</state>',
    "external": '<!DOCTYPE state SYSTEM "file:///etc/passwd"><state/>',
    "public": '<!DOCTYPE state PUBLIC "-//X//Y" "http://127.0.0.1:1/x"><state/>',
    "entity of a file": (
        '<!DOCTYPE state [<!ENTITY a SYSTEM "file:///etc/passwd">]><state>&a;</state>'
    ),
    # The parser would tell of the end that is missing, having expanded all that is there.
    "cut short": '<!DOCTYPE state [<!ENTITY a "b">]><state>&a;',
    "parameter entity": '<!DOCTYPE state [<!ENTITY % a "b"> %a;]><state/>',
    "billion laughs": '<!DOCTYPE state [<!ENTITY a0 "ha">'
    + "".join(f'<!ENTITY a{i + 1} "{f"&a{i};" * 10}">' for i in range(9))
    + "]><state>&a9;</state>",
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("document", DTD.values(), ids=DTD)
def test_a_document_type_is_refused(document: str, encoding: str) -> None:
    raw = f'<?xml version="1.0" encoding="{encoding}"?>{document}'.encode(encoding)

    assert refused_xml(raw) == 'bad_xml: a document type ("state") is not accepted'


def test_a_document_type_never_reaches_the_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    # It would go on to the end after it was told to stop, and expand a billion on the way.
    monkeypatch.delattr("exporter.poll.parse.XMLParser")

    assert "not accepted" in refused_xml(DTD["billion laughs"])


TREES = {
    "attributes": ("<s><state value='active' x='1'/></s>", {"value": "active", "x": "1"}),
    "children": (
        "<s><state><value>active</value><x>1</x></state></s>",
        {"value": "active", "x": "1"},
    ),
    "an attribute beats a child": (
        "<s><state value='active'><value>no</value></state></s>",
        {"value": "active"},
    ),
    "text": ("<s><state> active\n</state></s>", "active"),
    "no text": ("<s><state/></s>", ""),
    "text beside others": (
        "<s><state x='1'> active <y/></state></s>",
        {"x": "1", "y": "", "#text": "active"},
    ),
    "repeated children": (
        "<s><state><v>1</v><v>2</v><v a='3'/></state></s>",
        {"v": ["1", "2", {"a": "3"}]},
    ),
    "the first of two roots": ("<s><state>active</state><state>no</state></s>", "active"),
    "the outermost root": (
        "<s><deep><deeper><state>active</state></deeper></deep></s>",
        "active",
    ),
    "a root that is the document": ("<state value='active'/>", {"value": "active"}),
    "namespaces": (
        "<a:s xmlns:a='urn:a' xmlns='urn:b'><state a:value='active'/></a:s>",
        {"value": "active"},
    ),
    "CDATA": ("<s><state><![CDATA[<act>&]]>ive</state></s>", "<act>&ive"),
    "comments": ("<!-- a --><s><state>act<!-- b -->ive</state></s><!-- c -->", "active"),
    "instructions": ("<?a b?><s><state>act<?c d?>ive</state></s><?e?>", "active"),
    "known entities": ("<s><state>&lt;&#233;&#x20AC;</state></s>", "<é€"),
}


@pytest.mark.parametrize(("document", "expected"), TREES.values(), ids=TREES)
def test_xml_becomes_a_tree(document: str, expected: Any) -> None:
    assert xml_tree(document) == {"state": expected}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-1", "cp1252"])
def test_xml_declares_its_own_encoding(encoding: str) -> None:
    declared = encoding.removesuffix("-sig")
    document = f'<?xml version="1.0" encoding="{declared}"?><s><state>é</state></s>'

    # The character set of the header is about JSON.
    actual = xml_tree(document.encode(encoding), "text/xml; charset=us-ascii")

    assert actual == {"state": "é"}


@pytest.mark.parametrize("document", ["", "<s>", "<s></t>", "<s/><s/>", "<s>&a;</s>", "<a:s/>"])
def test_what_is_not_well_formed_is_refused(document: str) -> None:
    assert refused_xml(document).startswith("bad_xml: not well-formed XML at line 1 column ")


@pytest.mark.parametrize("raw", [b"<s>\xff</s>", b"<s>\0</s>", b"<s>&#0;</s>", b"<s a='1' a='2'/>"])
def test_what_xml_cannot_hold_is_refused(raw: bytes) -> None:
    assert refused_xml(raw).startswith("bad_xml: not well-formed XML at line 1 column ")


PEERS = Each(
    "/hub/peers/peer",
    labels={"peer": ("/id",)},
    fields=(Each("/line", fields=(Count("own_lines", help="Lines."),)),),
)
BY_KEY = Each("/hub/ports", labels={"port": (KEY,)}, fields=(Count("own_ports", help="Ports."),))


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (
            '<hub><peers><peer id="a"><line/></peer><peer id="b"><line/><line/></peer></peers></hub>',
            {"peers": {"peer": [{"id": "a", "line": [""]}, {"id": "b", "line": ["", ""]}]}},
        ),
        (
            '<hub><peers><peer id="a"><line><n>1</n></line></peer></peers></hub>',
            {"peers": {"peer": [{"id": "a", "line": [{"n": "1"}]}]}},
        ),
        ("<hub><peers><peer>a</peer></peers></hub>", {"peers": {"peer": ["a"]}}),
        ("<hub><peers/><ports/></hub>", {"peers": "", "ports": {}}),
        ("<hub><ports><x>1</x></ports></hub>", {"ports": {"x": "1"}}),
        ("<hub><ports>7</ports></hub>", {"ports": "7"}),
    ],
)
def test_one_child_alone_is_a_list_where_items_are_wanted(document: str, expected: Any) -> None:
    endpoint = Endpoint(path="/", fields=(PEERS, BY_KEY), formats=("xml",))

    assert parse(Answer("application/xml", document.encode(), 0.0), endpoint) == {"hub": expected}


def test_without_roots_the_paths_begin_with_the_root_element() -> None:
    gauge = Gauge("own_calls", ("/hub/calls",), help="Calls.")
    endpoint = Endpoint(path="/", fields=(gauge,), formats=("json", "xml"))

    assert parse(Answer("text/xml", b"<hub><calls>7</calls></hub>", 0.0), endpoint) == {
        "hub": {"calls": "7"}
    }


def test_xml_may_be_as_deep_as_the_limit() -> None:
    fine = "<s>" * (MAX_DEPTH - 1) + "<state>active</state>" + "</s>" * (MAX_DEPTH - 1)

    assert xml_tree(fine) == {"state": "active"}
    assert refused_xml(f"<s>{fine}</s>") == f"bad_xml: {TOO_DEEP}"
    assert refused_xml("<s>" * 100_000) == "bad_xml: more than 10000 parts"


@pytest.mark.parametrize("encoding", ["nonsense", "hex", "rot13", "idna", "utf-7", "shift_jis"])
def test_an_encoding_that_is_none_is_refused(encoding: str) -> None:
    raw = f'<?xml version="1.0" encoding="{encoding}"?><s/>'.encode()

    assert refused_xml(raw) == "bad_xml: the XML declares an unknown encoding"


CONTENT_TYPES = st.one_of(
    st.sampled_from([*DECISIONS, "application/json; charset=utf-16", "text/xml"]), st.text()
)
ENCODINGS = st.sampled_from(sorted(set(encodings.aliases.aliases.values())))
DECLARED = st.builds(
    lambda name, rest: f'<?xml version="1.0" encoding="{name}"?><s>'.encode() + rest,
    ENCODINGS,
    st.binary(),
)
MARKUP = st.lists(
    st.sampled_from([*b"<>{}[]\"'&;/!?: ,0-", *b"ae1\xff\x00\xc3"]).map(lambda one: bytes([one]))
).map(b"".join)
BODY = st.one_of(st.binary(), MARKUP, DECLARED, st.sampled_from(sorted(BODIES.values())))


@given(BODY, CONTENT_TYPES, st.sampled_from([JSON_ONLY, BOTH]))
def test_any_bytes_give_a_tree_or_a_poll_error(body: bytes, content_type: str, kind: Any) -> None:
    actual: Any
    try:
        actual = parse(Answer(content_type, body, 0.0), kind)
    except PollError as error:
        actual = error.reason

    assert isinstance(actual, dict) or actual in {BAD_JSON, BAD_XML, BAD_TYPE, Reason.BAD_SHAPE}


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


@given(OBJECTS, st.booleans())
def test_any_json_object_comes_out_as_it_went_in(value: dict[str, Any], escaped: bool) -> None:
    raw = json.dumps(value, ensure_ascii=escaped).encode()

    assert tree(raw, "application/json") == value
