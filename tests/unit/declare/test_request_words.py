"""Words of requests are filled in, and quoted for their location."""

import json
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from exporter.declare.requests import FilledRequest, Request
from support.declarations import faults_of, system_of

EVIL = "a\"b\\c\r\nX-Admin: 1\0<&'>{x}/../é%2F+ ?#=;"


def fill(values: dict[str, str], **keys: Any) -> FilledRequest:
    return Request.model_validate({"path": "/"} | keys).fill(values)


def test_a_value_is_quoted_in_a_path() -> None:
    one = fill({"id": "a/../b?c#d e%é"}, path="/s/{id}/x")

    assert one == FilledRequest("GET", "/s/a%2F..%2Fb%3Fc%23d%20e%25%C3%A9/x", (), b"")
    with pytest.raises(ValueError, match=r"no value for a word of /s/\{id\}"):
        fill({}, path="/s/{id}")


def test_a_value_is_quoted_in_a_query_and_an_empty_one_is_not_sent() -> None:
    query = {"a": "{a}", "b b": "x{a}y", "c": "{c}", "d": "", "e": "{gone}"}

    assert fill({"a": "1&b=2 é", "c": ""}, query=query).target == (
        "/?a=1%26b%3D2%20%C3%A9&b%20b=x1%26b%3D2%20%C3%A9y"
    )


def test_a_value_in_a_header_cannot_begin_another() -> None:
    one = fill({"a": "1\r\nX-Admin: yes\0"}, headers={"X-A": "v {a}", "X-B": "{gone}"})

    assert one.headers == (("X-A", "v 1%0D%0AX-Admin: yes%00"),)


def test_a_value_in_json_stays_a_text() -> None:
    body = {"a": "{a}", "l": [1, True, None, "x{a}"], "gone": "{gone}", "d": {"e": "{b}"}}
    one = fill({"a": EVIL, "b": '"}'}, method="POST", json=body)

    assert json.loads(one.body) == {
        "a": EVIL,
        "l": [1, True, None, f"x{EVIL}"],
        "d": {"e": '"}'},
    }
    assert one.headers == (("Content-Type", "application/json"),)


def test_a_value_in_a_form_that_is_written_as_text_stays_a_field() -> None:
    form = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
    one = fill({"a": "1&b=2"}, method="POST", headers=form, body="n=7&a={a}")

    assert one.body == b"n=7&a=1%26b%3D2"


def test_a_value_in_a_form_stays_a_field() -> None:
    one = fill({"a": "1&b=2 é+"}, method="POST", form={"a": "{a}", "n": "7", "gone": "{gone}"})

    assert one.body == b"a=1%26b%3D2+%C3%A9%2B&n=7"
    assert one.headers == (("Content-Type", "application/x-www-form-urlencoded"),)


def test_a_value_in_a_body_is_escaped_for_json_or_xml() -> None:
    written = fill({"a": '"}, "x": {"'}, method="POST", body='{"a": "{a}"}')
    marked = fill({"a": "<x y='\"&"}, method="POST", body='\n<r a="{a}">{a}</r>')

    assert json.loads(written.body) == {"a": '"}, "x": {"'}
    assert written.headers == (("Content-Type", "application/json"),)
    assert marked.headers == (("Content-Type", "application/xml"),)
    root = ET.fromstring(marked.body)  # noqa: S314 - our own text
    assert (root.attrib, root.text, len(root)) == ({"a": "<x y='\"&"}, "<x y='\"&", 0)


def test_a_body_without_a_value_is_not_sent() -> None:
    assert fill({}, method="POST", body='{"a": "{a}"}').body == b""


def test_a_declared_content_type_wins() -> None:
    one = fill({}, method="POST", body="x", headers={"content-type": "text/plain"})

    assert one.headers == (("content-type", "text/plain"),)


@pytest.mark.parametrize(
    "text", ["{}", "{ a }", "{1}", "{a b}", "{{a}", "{a.b}", "{a[0]}", "{a!r}", "{__class__}"]
)
def test_only_words_are_filled_in(text: str) -> None:
    expected = {"{{a}": "{v", "{__class__}": None}.get(text, text)
    one = fill({"a": "v"}, method="POST", form={"x": text})

    assert parse_qsl(one.body.decode()) == ([("x", expected)] if expected else [])


def test_a_value_is_not_filled_in_again() -> None:
    one = fill({"a": "{b}", "b": "secret"}, path="/{a}", query={"q": "{a}"})

    assert one.target == "/%7Bb%7D?q=%7Bb%7D"


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_value_stays_in_its_location(value: str) -> None:
    one = fill(
        {"a": value},
        method="POST",
        path="/p/{a}/q",
        query={"a": "{a}", "z": "1"},
        headers={"X-A": "{a}"},
        json={"a": "{a}"},
    )
    parts = urlsplit(f"http://h{one.target}")

    assert [unquote(part) for part in parts.path.split("/")] == ["", "p", value, "q"]
    assert parse_qsl(parts.query)[-1] == ("z", "1")
    assert not value or parse_qsl(parts.query)[0] == ("a", value)
    assert json.loads(one.body) == {"a": value}
    assert not set(dict(one.headers)["X-A"]) & {"\r", "\n", "\0"}


def test_a_parameter_reaches_every_part_of_a_request() -> None:
    endpoint = {
        "path": "/{p}",
        "method": "POST",
        "query": {"q": "{p}"},
        "headers": {"X-P": "{p}"},
        "json": {"p": "{p}"},
        "fields": [{"gauge": "s_v", "path": "/v"}],
    }
    system = system_of({"params": {"p": {"help": "P."}}, "endpoints": [endpoint]})
    one = system.endpoints[0].fill({"p": "a\nb"})

    assert one == FilledRequest(
        "POST",
        "/a%0Ab?q=a%0Ab",
        (("X-P", "a%0Ab"), ("Content-Type", "application/json")),
        b'{"p": "a\\nb"}',
    )


FIELDS = [{"gauge": "s_v", "path": "/v"}]
FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "a relative path": ({"path": "x"}, "path: a path begins with / and has no query; see query"),
    "a query in a path": ({"path": "/x?a=1"}, "path: a path begins with / and has no query"),
    "a fragment": ({"path": "/x#a"}, "path: a path begins with / and has no query; see query"),
    "a blank in a path": ({"path": "/a b"}, "path: a path is as it is sent: percent-encoded"),
    "a letter in a path": ({"path": "/é"}, "path: a path is as it is sent: percent-encoded"),
    "a brace in a path": ({"path": "/{a b}"}, "path: a path is as it is sent: percent-encoded"),
    "a header's name": ({"headers": {"X A": "1"}}, 'headers: "X A" cannot be a header'),
    "no name": ({"headers": {"": "1"}}, 'headers: "" cannot be a header'),
    "a header's value": ({"headers": {"X-A": "1\n2"}}, 'headers: "X-A" cannot be a header'),
    "a reserved header": ({"headers": {"host": "x"}}, "headers: host cannot be set here"),
    "credentials": (
        {"headers": {"Authorization": "x"}},
        "headers: Authorization cannot be set here",
    ),
    "a body of a GET": ({"json": {"a": 1}}, "a body needs another method, such as POST"),
    "two bodies": (
        {"method": "POST", "json": 1, "form": {"a": "b"}},
        "give either json or form, not both",
    ),
    "another method": ({"method": "DELETE"}, "method: must be 'GET' or 'POST'"),
    "an unknown word": ({"query": {"a": "{nme}"}}, "{nme} is not one of the system's params"),
    "a path of an answer": ({"query": {"a": "{/a}"}}, "{/a} is not one of the system's params"),
    "an unknown word in a body": (
        {"method": "POST", "json": {"a": [{"b": "{nme}"}]}},
        "{nme} is not one of the system's params",
    ),
}


@pytest.mark.parametrize(("more", "message"), FAULTS.values(), ids=FAULTS)
def test_a_request_that_cannot_be_sent_is_refused(more: dict[str, Any], message: str) -> None:
    found = faults_of({"endpoints": [{"path": "/x", "fields": FIELDS} | more]})

    (fault,) = found
    assert fault.removeprefix("endpoints[0]").lstrip(".: ").startswith(message)


def test_every_kind_of_body_has_a_body() -> None:
    bodies: list[dict[str, Any]] = [{"json": 0}, {"form": {}}, {"body": ""}]
    for keys in bodies:
        assert Request.model_validate({"path": "/", "method": "POST"} | keys).has_body
        with pytest.raises(ValidationError, match="a body needs another method"):
            Request.model_validate({"path": "/"} | keys)
