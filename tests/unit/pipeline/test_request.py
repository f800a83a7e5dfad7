"""Requests: URLs, parameters, headers, credentials and their files."""

import os
from base64 import b64decode
from dataclasses import replace
from pathlib import Path

import pytest

from exporter import __version__
from exporter.errors import PollError, Reason
from exporter.http.message import credentials
from exporter.pipeline.request import build
from exporter.secret import Secret
from exporter.settings import Client
from exporter.systems import SYSTEMS
from support.clients import CANARY, basic, bearer, client_headers
from support.declarations import declared
from support.polling import OK, Polls, make_target, result
from support.vendor import Vendor, response

URLS = [
    # A path in the target's URL replaces the usual context.
    ("mdworkbench", "http://mdw.test", "http://mdw.test/mdworkbench/server/state"),
    ("mdworkbench", "http://mdw.test:8080", "http://mdw.test:8080/mdworkbench/server/state"),
    ("mdworkbench", "http://mdw.test/studio", "http://mdw.test/studio/server/state"),
    ("mdworkbench", "http://mdw.test/a/b", "http://mdw.test/a/b/server/state"),
    ("genesys_ucs", "https://ucs.test/cv", "https://ucs.test/cv/server/status"),
    ("genesys_ucs", "https://ucs.test", "https://ucs.test/server/status"),
    ("genesys_ucs", "http://192.0.2.1:8080", "http://192.0.2.1:8080/server/status"),
    ("genesys_ucs", "http://[2001:db8::1]:8080/cv", "http://[2001:db8::1]:8080/cv/server/status"),
    ("genesys_ucs", "http://ucs.test/a%2Fb%20c", "http://ucs.test/a%2Fb%20c/server/status"),
]


@pytest.mark.parametrize(("system", "url", "expected"), URLS)
def test_a_url_is_the_targets_and_the_endpoints(system: str, url: str, expected: str) -> None:
    (request,) = build(make_target(system, url))

    assert str(request.url) == expected


@pytest.mark.parametrize("system", SYSTEMS)
def test_an_endpoint_has_one_request(system: str) -> None:
    requests = build(make_target(system))
    always = tuple(one for one in SYSTEMS[system].endpoints if one.when is None)

    assert tuple(one.endpoint for one in requests) == always
    assert all("{" not in str(one.url) for one in requests)


def test_an_endpoint_with_a_condition_is_requested_if_it_holds() -> None:
    requests = build(make_target("mdworkbench", params={"launch_queue": "true"}))

    assert [one.endpoint for one in requests] == SYSTEMS["mdworkbench"].endpoints


async def test_a_post_sends_its_body(vendor: Vendor, poll: Polls) -> None:
    vendor.answer = response(b'{"calls": 1}')
    fields = [{"gauge": "s_calls", "path": "/calls"}]
    system = declared(fields, path="/rpc", method="POST", body='{"ask":"status"}')
    assert result(await poll(replace(make_target(), system=system))) == OK
    head = vendor.requests[0].lower()

    assert head.startswith("post /rpc http/1.1\r\n")
    assert "content-length: 16\r\n" in head
    assert head.count("content-type: application/json\r\n") == 1


PARAMS = [
    ({"serverid": "12", "query_info": "true"}, "12/status?query_info=true"),
    ({"serverid": "12", "query_info": "false"}, "12/status?query_info=false"),
    # Parameters that only the exporter uses are not sent.
    (
        {"serverid": "12", "query_info": "true", "match_info": "true"},
        "12/status?query_info=true",
    ),
    ({"serverid": "12", "match_info": "true"}, "12/status"),
    ({"serverid": "a/../b?c#d%e"}, "a%2F..%2Fb%3Fc%23d%25e/status"),
    (
        {"serverid": "é {query_info}", "query_info": "x"},
        "%C3%A9%20%7Bquery_info%7D/status?query_info=x",
    ),
    ({"serverid": "12", "query_info": "a&b=c#d e"}, "12/status?query_info=a%26b%3Dc%23d%20e"),
]


@pytest.mark.parametrize(("params", "expected"), PARAMS)
def test_parameters_are_encoded_for_their_position(params: dict[str, str], expected: str) -> None:
    (request,) = build(make_target("clanforge", "http://mgs.test", params=params))

    assert str(request.url) == f"http://mgs.test/cfp/v1/server/{expected}"


async def test_an_encoded_url_is_sent_as_it_is(vendor: Vendor, poll: Polls) -> None:
    vendor.answer = response(b"{}")
    await poll(make_target("clanforge", params={"serverid": "a/b é", "query_info": "true"}))

    assert vendor.requests[0].startswith(
        "GET /cfp/v1/server/a%2Fb%20%C3%A9/status?query_info=true HTTP/1.1\r\n"
    )


COMMON = {
    "Accept": "application/json",
    "Accept-Encoding": "identity",
    "User-Agent": f"status-exporter/{__version__}",
}


@pytest.mark.parametrize(
    ("system", "client", "expected"),
    [
        ("genesys_ucs", Client(name=""), COMMON),
        ("mdworkbench", Client(name=""), COMMON),
        (
            "clanforge",
            Client(name=""),
            {**COMMON, "Content-Type": "application/x-www-form-urlencoded"},
        ),
        ("clanforge", client_headers(("content-type", "text/plain")), COMMON),
        ("genesys_ucs", client_headers(("X-Other", "1")), COMMON),
        (
            "mdworkbench",
            client_headers(("ACCEPT", "application/xml"), ("user-agent", "us")),
            {"Accept-Encoding": "identity"},
        ),
    ],
)
def test_headers_of_the_client_replace_fixed_headers(
    system: str, client: Client, expected: dict[str, str]
) -> None:
    (request,) = build(make_target(system, client=client))

    lines = request.head.decode().splitlines()[1:-1]
    sent = dict(line.split(": ", 1) for line in lines)
    assert sent.pop("Host") == "127.0.0.1:1"
    assert sent == expected


async def test_headers_of_the_client_are_sent_once_with_all_values(
    vendor: Vendor, poll: Polls
) -> None:
    vendor.answer = response(b"{}")
    headers = (("Accept", (Secret("text/json"),)), ("X-Key", (Secret("a"), Secret("b"))))
    await poll(make_target(client=Client(name="", http_headers=headers)))

    lines = vendor.requests[0].split("\r\n")
    assert [line for line in lines if line.startswith("Accept:")] == ["Accept: text/json"]
    assert [line for line in lines if line.startswith("X-Key:")] == ["X-Key: a", "X-Key: b"]


@pytest.mark.parametrize("password", ["plain", "a:b:c", "pässwörd €", " blanks ", "two\nlines", ""])
def test_basic_credentials_hold_any_password(password: str) -> None:
    ((name, value),) = credentials(basic("üser", Secret(password)))

    assert name == "Authorization"
    assert value.startswith("Basic ")
    assert b64decode(value.removeprefix("Basic ")).decode() == f"üser:{password}"


@pytest.mark.parametrize("scheme", ["Bearer", "Token"])
def test_an_authorization_has_its_scheme(scheme: str) -> None:
    expected = (("Authorization", f"{scheme} {CANARY}"),)

    assert credentials(bearer(Secret(CANARY), scheme)) == expected


def test_headers_keep_their_order_and_every_value() -> None:
    headers = (("X-B", (Secret("1"), Secret("2"))), ("X-A", (Secret("3"),)))
    expected = (("X-B", "1"), ("X-B", "2"), ("X-A", "3"))

    assert credentials(Client(name="", http_headers=headers)) == expected


def test_a_client_without_secrets_sends_none() -> None:
    assert credentials(Client(name="")) == ()


def test_a_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "token"
    client = bearer(Secret(file=path))
    for number, content in enumerate([b"one", b"two\n", b"three\r\n", b"f\xc3\xbcnf \n", b"six"]):
        path.write_bytes(content)
        # A clock of the file system may be too coarse to tell two writes apart.
        os.utime(path, (number, number))
        expected = (("Authorization", f"Bearer {content.decode().rstrip(chr(13) + chr(10))}"),)

        assert credentials(client) == expected
        assert credentials(client) == expected


def test_a_file_may_be_replaced_removed_and_restored(tmp_path: Path) -> None:
    path, new = tmp_path / "token", tmp_path / "new"
    client = bearer(Secret(file=path))
    path.write_text("old", encoding="utf-8")
    new.write_text("new", encoding="utf-8")

    assert credentials(client) == (("Authorization", "Bearer old"),)
    new.replace(path)
    assert credentials(client) == (("Authorization", "Bearer new"),)
    path.unlink()
    with pytest.raises(PollError):
        credentials(client)
    path.write_text("back", encoding="utf-8")
    assert credentials(client) == (("Authorization", "Bearer back"),)


BAD_FILES = {
    "missing": (None, "{path}: No such file or directory"),
    "empty": (b"", "{path}: the file is empty"),
    "a line end only": (b"\r\n", "{path}: the file is empty"),
    "binary": (CANARY.encode() + b"\xff\xfe", "{path}: not UTF-8 text"),
    "two lines": (
        f"{CANARY}\nX-Admin: 1\n".encode(),
        "the value of Authorization has a control character or line end",
    ),
    "NUL": (
        f"{CANARY}\0".encode(),
        "the value of Authorization has a control character or line end",
    ),
}


@pytest.mark.parametrize(("content", "expected"), BAD_FILES.values(), ids=BAD_FILES)
async def test_a_bad_file_is_reported_without_its_content_and_nothing_is_sent(
    content: bytes | None, expected: str, tmp_path: Path, vendor: Vendor, poll: Polls
) -> None:
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)
    target = make_target(client=bearer(Secret(file=path)))

    # A second poll must not use what the first one cached.
    for _ in range(2):
        outcome = (await poll(target)).outcome

        assert isinstance(outcome, PollError)
        assert outcome.reason is Reason.CREDENTIALS
        assert outcome.detail == expected.format(path=path)
    assert vendor.requests == []


@pytest.mark.parametrize("value", ["a\nb", "a\r", "\0", "a\x7f", "a\x1bb"])
def test_a_header_value_cannot_insert_another_header(value: str) -> None:
    with pytest.raises(PollError, match="credentials: the value of X-Key has a control character"):
        credentials(client_headers(("X-Key", value)))


def test_a_header_may_contain_a_tab() -> None:
    assert credentials(client_headers(("X-Key", "a\tb"))) == (("X-Key", "a\tb"),)
