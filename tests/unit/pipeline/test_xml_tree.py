"""XML becomes a tree like JSON; it cannot read files or fill memory."""

from typing import Any

import pytest

from exporter.errors import PollError
from exporter.http.answer import MAX_DEPTH, MAX_PARTS, MAX_VALUES
from exporter.pipeline.charset import decode
from exporter.pipeline.xml_tree import ListPath, make_lists, read_xml


def refusal(document: str) -> str:
    with pytest.raises(PollError) as caught:
        read_xml(document)
    return str(caught.value)


DTD = {
    "empty": "<!DOCTYPE state><state/>",
    "internal": '<!DOCTYPE state [<!ENTITY a "b">]><state>&a;</state>',
    "external": '<!DOCTYPE state SYSTEM "file:///etc/passwd"><state/>',
    "public": '<!DOCTYPE state PUBLIC "-//X//Y" "http://127.0.0.1:1/x"><state/>',
    "entity of a file": (
        '<!DOCTYPE state [<!ENTITY a SYSTEM "file:///etc/passwd">]><state>&a;</state>'
    ),
    # The parser would report the missing end only after it has expanded everything.
    "cut short": '<!DOCTYPE state [<!ENTITY a "b">]><state>&a;',
    "parameter entity": '<!DOCTYPE state [<!ENTITY % a "b"> %a;]><state/>',
    "billion laughs": '<!DOCTYPE state [<!ENTITY a0 "ha">'
    + "".join(f'<!ENTITY a{i + 1} "{f"&a{i};" * 10}">' for i in range(9))
    + "]><state>&a9;</state>",
}


@pytest.mark.parametrize("document", DTD.values(), ids=DTD)
def test_a_document_type_is_refused(document: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # The parser would continue to the end after it was stopped, and expand a billion entities.
    monkeypatch.delattr("exporter.pipeline.xml_tree.XMLParser")

    for declaration in ("", '<?xml version="1.0" encoding="utf-16"?>'):
        expected = 'bad_xml: a document type ("state") is not accepted'
        assert refusal(declaration + document) == expected


NIL = "http://www.w3.org/2001/XMLSchema-instance"
TREES = {
    "attributes": ("<a value='active' x='1'/>", {"value": "active", "x": "1"}),
    "children": ("<a><value>active</value><x>1</x></a>", {"value": "active", "x": "1"}),
    "an attribute beats a child": ("<a v='1'><v>2</v></a>", {"v": "1"}),
    "text": ("<a> active\n</a>", "active"),
    "no text": ("<a/>", ""),
    "text beside others": ("<a x='1'> active <y/></a>", {"x": "1", "y": "", "#text": "active"}),
    "repeated children": ("<a><v>1</v><v>2</v><v b='3'/></a>", {"v": ["1", "2", {"b": "3"}]}),
    "namespaces": ("<n:a xmlns:n='urn:a' xmlns='urn:b'><b n:c='1'/></n:a>", {"b": {"c": "1"}}),
    "CDATA": ("<a><![CDATA[<act>&]]>ive</a>", "<act>&ive"),
    "comments": ("<!-- a --><a>act<!-- b -->ive</a><!-- c -->", "active"),
    "instructions": ("<?b c?><a>act<?c d?>ive</a><?e?>", "active"),
    "known entities": ("<a>&lt;&#233;&#x20AC;</a>", "<é€"),
    "a type": (f"<a xmlns:i='{NIL}' i:type='int'>7</a>", "7"),
    "nil": (f"<a xmlns:i='{NIL}' i:nil='true'/>", None),
    "nil, as a number": (f"<a xmlns:i='{NIL}'><b i:nil='1'/><c/></a>", {"b": None, "c": ""}),
    "not nil": (f"<a xmlns:i='{NIL}' i:nil='false'/>", ""),
    "nil with an attribute": (f"<a xmlns:i='{NIL}' i:nil='true' b='1'/>", {"b": "1"}),
    "a nil that is another": ("<a nil='true'/>", {"nil": "true"}),
    "version 1.1": ("<?xml version='1.1'?><a>1</a>", "1"),
    "blank lines before the declaration": ("\r\n <?xml version='1.0'?><a>1</a>", "1"),
    "an encoding that is none": ("<?xml version='1.0' encoding='no'?><a>é</a>", "é"),
    "an encoding that is another": ("<?xml version='1.0' encoding='utf-16'?><a>é</a>", "é"),
}


@pytest.mark.parametrize(("document", "expected"), TREES.values(), ids=TREES)
def test_xml_becomes_a_tree(document: str, expected: Any) -> None:
    assert read_xml(document) == {"a": expected}


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-1", "cp1252", "cp866"])
def test_xml_declares_its_own_encoding(codec: str) -> None:
    text = "ж" if codec == "cp866" else "é"
    declared = codec.removesuffix("-sig")
    document = f'<?xml version="1.0" encoding="{declared}"?><a>{text}</a>'

    assert read_xml(decode(document.encode(codec)).text) == {"a": text}


@pytest.mark.parametrize(
    "document",
    [
        "",
        "<s>",
        "<s></t>",
        "<s/><s/>",
        "<s>&a;</s>",
        "<a:s/>",
        "<s>\x00</s>",
        "<s>&#0;</s>",
        "<s a='1' a='2'/>",
        "<s>\ufffe</s>",
    ],
)
def test_malformed_xml_is_refused(document: str) -> None:
    assert refusal(document).startswith("bad_xml: not well-formed XML at line 1 column ")


def test_an_error_shows_its_column() -> None:
    document = '<?xml version="1.0"?><s></t>'

    assert refusal(document) == "bad_xml: not well-formed XML at line 1 column 27"


def test_limits_hold() -> None:
    fine = "<s>" * (MAX_DEPTH - 1) + "<a>1</a>" + "</s>" * (MAX_DEPTH - 1)
    attributes = " ".join(f"a{number}=''" for number in range(MAX_VALUES + 1))

    assert read_xml(fine)["s"]
    assert refusal(f"<s>{fine}</s>") == f"bad_xml: more than {MAX_DEPTH} levels deep"
    assert refusal("<s>" * 100_000) == f"bad_xml: more than {MAX_PARTS} parts"
    assert refusal(f"<s {attributes}/>") == f"bad_xml: more than {MAX_VALUES} values"


PEERS: tuple[ListPath, ...] = (
    ("hub", "peers", "peer"),
    ("hub", "peers", "peer", "*", "line"),
    ("hub", "ports", "*"),
    ("hub", "ports", "*", "line"),
    ("hub", "first", "0", "line"),
    ("*", "names"),
)


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (
            '<peers><peer id="a"><line/></peer><peer id="b"><line/><line/></peer></peers>',
            {"peers": {"peer": [{"id": "a", "line": [""]}, {"id": "b", "line": ["", ""]}]}},
        ),
        (
            '<peers><peer id="a"><line><n>1</n></line></peer></peers>',
            {"peers": {"peer": [{"id": "a", "line": [{"n": "1"}]}]}},
        ),
        ("<peers><peer>a</peer></peers>", {"peers": {"peer": ["a"]}}),
        ("<peers><peer/></peers>", {"peers": {"peer": [""]}}),
        ("<peers/><ports/>", {"peers": "", "ports": {}}),
        (
            "<ports><x>1</x><y><line>2</line></y></ports>",
            {"ports": {"x": "1", "y": {"line": ["2"]}}},
        ),
        ("<ports>7</ports>", {"ports": "7"}),
        (
            "<first><line>1</line></first><first><line>1</line></first>",
            {"first": [{"line": ["1"]}, {"line": "1"}]},
        ),
        (f"<peers xmlns:i='{NIL}'><peer i:nil='true'/></peers>", {"peers": {"peer": None}}),
        ("<names>a</names>", {"names": ["a"]}),
    ],
)
def test_one_child_alone_is_a_list_where_items_are_expected(document: str, expected: Any) -> None:
    tree = read_xml(f"<hub>{document}</hub>")
    make_lists(tree, PEERS)

    assert tree == {"hub": expected}
