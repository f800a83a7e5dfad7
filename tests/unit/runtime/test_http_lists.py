"""Lists at URLs: what is sent, which answers are valid, and what is reported of others."""

import asyncio
import json
import ssl
from dataclasses import replace
from pathlib import Path

import pytest
import trustme

from exporter import __version__
from exporter.clock import Clock
from exporter.config import load_text
from exporter.errors import ConfigError
from exporter.runtime.http_lists import HttpLists
from exporter.runtime.target_builder import ListResult
from exporter.settings import HttpSd
from exporter.systems import SYSTEMS
from support.polling import make_target
from support.vendor import Vendor, response

LIST = b'[{"targets": ["a:1", "b:1"], "labels": {"site": "ams", "__meta_x": "y"}}]'


def http(url: str, more: str = "", clients: str = "", folder: Path = Path()) -> HttpLists:
    entry = f'system: genesys_ucs, http_sd: {{url: "{url}"{more}}}'
    text = f"clients: {{{clients}}}\ndiscovery: [{{{entry}}}]"
    (one,) = load_text(text, "config.yaml", folder, SYSTEMS).discoveries
    assert isinstance(one.source, HttpSd)
    return HttpLists(one.source, one.template, lambda _: True, Clock())


def names(look: ListResult) -> list[str]:
    assert look.built is not None, look
    return [*look.built.targets]


async def test_the_request_is_the_one_prometheus_sends(vendor: Vendor) -> None:
    vendor.answer = response(LIST)
    client = 'c: {basic_auth: {username: u, password: p}, http_headers: {X-Key: {values: ["k"]}}}'
    sd = http(
        f"{vendor.url}/sd/x?site=ams&site=f%20a", ", client: c, refresh_interval: 90s", client
    )
    look = await sd.refresh()
    (request,) = vendor.requests

    assert request.startswith("GET /sd/x?site=ams&site=f%20a HTTP/1.1\r\n")
    assert "\r\nAccept: application/json\r\n" in request
    assert "\r\nX-Prometheus-Refresh-Interval-Seconds: 90\r\n" in request
    assert f"\r\nUser-Agent: status-exporter/{__version__}\r\n" in request
    assert "\r\nAuthorization: Basic dTpw\r\n" in request
    assert "\r\nX-Key: k\r\n" in request
    assert look.built
    assert {name: dict(one.labels) for name, one in look.built.targets.items()} == {
        "a:1": {"site": "ams"},
        "b:1": {"site": "ams"},
    }
    assert (look.faults, sd.pause) == ({}, 90)


async def test_secret_parameters_of_the_client_are_sent_and_not_shown(vendor: Vendor) -> None:
    client = "c: {query_params: {token: {secrets: [hunter22-canary]}}}"
    vendor.answer = response(b'[{"targets": ["a"], "hunter22-canary": 1}]')
    for path, sent in (("", "/?"), ("/sd?site=ams", "/sd?site=ams&")):
        look = await http(f"{vendor.url}{path}", ", client: c", client).refresh()

        assert vendor.requests[-1].startswith(f"GET {sent}token=hunter22-canary HTTP/1.1\r\n")
        assert look.faults
        assert "hunter22" not in str(look.faults)


@pytest.mark.parametrize(
    ("kind", "login"),
    [
        ("oauth2", "client_id: a, client_secret: b, token_url: http://127.0.0.1:1/t"),
        ("login", "username: u, password: p"),
    ],
)
def test_a_client_that_logs_in_is_refused(kind: str, login: str) -> None:
    with pytest.raises(ConfigError) as caught:
        http("http://127.0.0.1:1", ", client: c", f"c: {{{kind}: {{{login}}}}}")

    (fault,) = caught.value.faults
    assert fault.endswith(f".http_sd.client: c has {kind}, which is for targets and not for lists")


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/json; charset=utf-8", 'Application/JSON;charset="UTF-8"'],
)
async def test_these_content_types_are_good(vendor: Vendor, content_type: str) -> None:
    vendor.answer = response(b"[]", content_type)

    assert names(await http(vendor.url).refresh()) == []


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (response(LIST, "text/plain"), 'the Content-Type is "text/plain", not application/json'),
        (response(LIST, "application/jsonx"), 'the Content-Type is "application/jsonx", not application/json'),
        (response(LIST, ""), 'the Content-Type is "", not application/json'),
        (response(LIST, status="500 No"), "HTTP 500"),
        (response(LIST, status="203 Other"), "HTTP 203 in place of 200"),
        (
            response(LIST, status="302 Found", more="Location: /else\r\n"),
            "HTTP 302, which is not followed: correct the url",
        ),
        (response(b""), "the answer:1:1: not valid JSON: Expecting value"),
        (response(b'{"a": 1}'), "the answer:1:1: the list must be a list of groups; [] for none"),
        (
            response(b'[{"targets": ["a", 7]}]'),
            "the answer:1:20: [0].targets[1]: must be a text; quote it",
        ),
        (
            response(b'[{"targets": ["a"], "hunter22-canary": 1}]'),
            "the answer:1:21: [0].<secret>: unknown key; known: labels, targets",
        ),
        (response(b'[{"targets": ["a"], "labels": {"system": "x"}}]'),
            'the answer:1:21: [0].labels: the metrics have a label "system" already: choose another name'),
        (b"no HTTP\r\n\r\nConnection: close", "not a valid HTTP answer: Expected HTTP/, RTSP/ or ICE/"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 16777217\r\n\r\n[",
            "more than 16777216 bytes",
        ),
    ],
)  # fmt: skip
async def test_a_bad_answer_is_refused_with_its_reason(
    vendor: Vendor, answer: bytes, why: str
) -> None:
    vendor.answer = answer
    client = "c: {basic_auth: {username: u, password: hunter22-canary}}"
    look = await http(f"{vendor.url}/?token=canary", ", client: c", client).refresh()

    assert [*look.faults.values()] == [why]
    assert (look.built, look.failures) == (None, 1)
    assert "canary" not in str(look)


async def test_a_missing_server_and_a_missing_answer_are_reported(vendor: Vendor) -> None:
    vendor.answer = None
    slow = http(vendor.url)
    slow._source = replace(slow._source, refresh_interval=0.05)
    looks = [await http("http://127.0.0.1:1/").refresh(), await slow.refresh()]

    assert [[*look.faults.values()] for look in looks] == [
        ["no connection: Connection refused"],
        ["no complete answer within 0.05s"],
    ]


async def test_a_list_may_be_larger_than_a_status(vendor: Vendor) -> None:
    items = [f"server-{number}.example.com:8080" for number in range(40_000)]
    vendor.answer = response(json.dumps([{"targets": items}]).encode())

    assert names(await http(vendor.url).refresh()) == items


async def test_an_unchanged_list_changes_nothing_and_a_new_one_only_new_items(
    vendor: Vendor,
) -> None:
    vendor.answer = response(LIST)
    sd = http(vendor.url)
    first = await sd.refresh()
    same = await sd.refresh()
    vendor.answer = response(b"[", "text/html")
    bad = await sd.refresh()
    vendor.answer = response(LIST.replace(b"b:1", b"c:1"))
    other = await sd.refresh()

    assert (same.built, same.faults, same.failures) == (None, {}, 0)
    assert bad.failures == 1
    assert names(other) == ["a:1", "c:1"]
    assert first.built
    assert other.built
    assert other.built.targets["a:1"] is first.built.targets["a:1"]


async def test_a_list_is_fetched_over_the_clients_tls(tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    vendor = Vendor()
    vendor.answer = response(LIST)
    server = await asyncio.start_server(vendor.handle, "127.0.0.1", 0, ssl=context)
    async with server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        client = "c: {tls_config: {ca_file: ca.pem}}"
        trusting = await http(url, ", client: c", client, tmp_path).refresh()
        other = await http(url).refresh()

    assert names(trusting) == ["a:1", "b:1"]
    (why,) = other.faults.values()
    assert why.startswith("the server's certificate: ")


async def test_a_list_is_fetched_through_the_clients_proxy(vendor: Vendor) -> None:
    vendor.answer = response(LIST)
    client = f'c: {{proxy_url: "{vendor.url}"}}'
    look = await http("http://sd.example.com/x", ", client: c", client).refresh()

    assert names(look) == ["a:1", "b:1"]
    assert vendor.requests[0].startswith("GET http://sd.example.com/x HTTP/1.1\r\n")


def test_the_credentials_of_targets_are_not_those_of_the_list() -> None:
    text = """
clients: {c: {basic_auth: {username: u, password: p}}}
discovery: [{system: genesys_ucs, client: c, http_sd: {url: "http://sd.example.com:81/x?t=canary"}}]
"""
    (one,) = load_text(text, "config.yaml", Path(), SYSTEMS).discoveries

    assert isinstance(one.source, HttpSd)
    assert one.source.client == make_target().client
    assert one.client.name == "c"
    assert one.name == "http_sd:sd.example.com:81"
    assert "canary" not in repr(one)
