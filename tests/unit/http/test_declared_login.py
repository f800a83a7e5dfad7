"""How a Webitel login works, and which answers mean that its token was refused."""

import asyncio
from dataclasses import replace

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from exporter.clock import Clock
from exporter.service import running
from exporter.settings import Settings
from exporter.simulator.app import SimulatedServers, make_app
from exporter.simulator.webitel_login import USER
from support.polling import NOW, OK, Poller, make_target, result
from support.scripted_site import Seen, Site, json, open_site
from support.vendor import serving
from support.webitel_engine import CANARY, Engine, login, target_of


async def test_the_login_is_below_the_context_path(site: Site, poller: Poller) -> None:
    old, new = Engine(site, "/old"), Engine(site)
    for engine in (old, new, old, new):
        assert result(await poller.poll(target_of(engine))) == OK

    assert (old.logins, new.logins) == (1, 1)


REFUSALS = {
    "401": ({"status": "error", "info": "Invalid Token or Key"}, 401),
    "400 up to release 3.5": ({"status": "error", "info": "Token Expired"}, 400),
}


@pytest.mark.parametrize(("body", "status"), REFUSALS.values(), ids=REFUSALS)
async def test_a_refused_token_is_replaced_within_the_poll(
    body: dict[str, str], status: int, engine: Engine, poller: Poller
) -> None:
    engine.refusal = web.json_response, body, status
    assert result(await poller.poll(target_of(engine))) == OK
    engine.taken.clear()

    assert result(await poller.poll(target_of(engine))) == OK
    assert result(await poller.poll(target_of(engine))) == OK
    assert engine.logins == 2


OTHERS = {
    "another 400": ({"status": "error", "info": "Bad request"}, 400, "http_4xx: HTTP 400"),
    "403": ({"info": "Token Expired"}, 403, "http_403: HTTP 403"),
    "500": ({"info": "Token Expired"}, 500, "http_5xx: HTTP 500"),
}


@pytest.mark.parametrize(("body", "status", "expected"), OTHERS.values(), ids=OTHERS)
async def test_answers_that_refuse_no_token_cause_no_login(
    body: dict[str, str], status: int, expected: str, engine: Engine, poller: Poller
) -> None:
    engine.refusal = web.json_response, body, status
    engine.takes_new = False

    assert result(await poller.poll(target_of(engine))) == expected
    assert engine.logins == 1


BODIES = {
    "whole": (b"HTTP/1.1 400 Bad\r\nContent-Length: 13\r\n\r\nToken Expired", True),
    "chunked": (
        b"HTTP/1.1 400 Bad\r\nTransfer-Encoding: chunked\r\n\r\nd\r\nToken Expired\r\n0\r\n\r\n",
        True,
    ),
    "cut short": (
        b"HTTP/1.1 400 Bad\r\nConnection: close\r\nContent-Length: 99\r\n\r\nToken Expired",
        True,
    ),
    "until the end": (b"HTTP/1.1 400 Bad\r\nConnection: close\r\n\r\nToken Expired", True),
    "followed by a megabyte": (
        b"HTTP/1.1 400 Bad\r\nContent-Length: 1000013\r\n\r\nToken Expired" + b" " * 1_000_000,
        True,
    ),
    "after a megabyte": (
        b"HTTP/1.1 400 Bad\r\nContent-Length: 1000013\r\n\r\n"
        + b" " * 1_000_000
        + b"Token Expired",
        False,
    ),
    "without an end": (
        b"HTTP/1.1 400 Bad\r\nContent-Length: 1000000\r\n\r\nToken Expired" + b" " * 8192,
        True,
    ),
    "none": (b"HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n", False),
}


@pytest.mark.parametrize(("answer", "means_login"), BODIES.values(), ids=BODIES)
async def test_only_the_beginning_of_a_refusal_is_read(
    answer: bytes, means_login: bool, poller: Poller
) -> None:
    logins = 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal logins
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            if head.startswith(b"POST"):
                logins += 1
                await reader.readuntil(b"}")
                body = b'{"token": "t", "key": "k"}'
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            else:
                writer.write(answer)
            await writer.drain()
            if b"Connection: close" in answer and head.startswith(b"GET"):
                return

    async with serving(handle) as url:
        actual = result(await poller.poll(make_target("webitel", url, client=login())))

    assert actual.startswith("http_4xx: HTTP 400")
    assert logins == (2 if means_login else 1)


def broken(_: Seen) -> web.Response:
    return web.Response(body=b'{"token": ', content_type="application/json")


def code_wanted(_: Seen) -> web.Response:
    return web.Response(status=301, text="Set security code")


def redirected(_: Seen) -> web.Response:
    return web.Response(status=302, headers={"Location": "/elsewhere"})


def endless(_: Seen) -> web.Response:
    return web.Response(body=b" " * 70_000)


FAILURES = {
    "no token": (json({"key": "k"}), "bad_shape: login: the answer has no /token"),
    "an empty token": (json({"token": ""}), "bad_shape: login: the answer has no token"),
    "a number": (json({"token": 1}), "bad_shape: login: the answer has no token"),
    "a list": (json([]), "bad_shape: login: the answer is not an object"),
    "no JSON": (broken, "bad_json: login: the answer is not valid JSON"),
    "a line end in the token": (
        json({"token": f"{CANARY}\r\nX-Admin: 1"}),
        "bad_shape: login: the token of the answer cannot be sent in a header",
    ),
    "a line end in the key": (
        json({"token": "t", "key": f"{CANARY}\n"}),
        "bad_shape: login: the /key of the answer cannot be sent in a header",
    ),
    "a lone surrogate": (
        json({"token": "\ud800"}),
        "bad_shape: login: the token of the answer cannot be sent in a header",
    ),
    "a key that is none": (
        json({"token": "t", "key": {}}),
        "bad_shape: login: the answer has no /key",
    ),
    "a second factor": (
        code_wanted,
        "http_401: login: HTTP 301: The user must enter a security code",
    ),
    "a redirect": (redirected, "redirect: login: HTTP 302, which is not followed: correct the url"),
    "too much": (endless, "too_large: login: more than 65536 bytes"),
    "503": (json({}, 503), "http_503: login: HTTP 503"),
    "404": (json({}, 404), "http_404: login: HTTP 404"),
}


@pytest.mark.parametrize(("given", "expected"), FAILURES.values(), ids=FAILURES)
async def test_a_login_that_fails_gives_its_reason(
    given: object, expected: str, engine: Engine, site: Site, poller: Poller
) -> None:
    site.answers["/login"] = given  # type: ignore[assignment]
    actual = result(await poller.poll(target_of(engine)))

    assert actual.partition(";")[0] == expected
    assert site.asked("/api/v2/status") == []


@pytest.mark.parametrize("expires", ["soon", True, {}, 10**400, -(10**400), "1735689600000"])
async def test_an_unreadable_expiry_is_none(
    expires: object, engine: Engine, poller: Poller
) -> None:
    engine.more = {"expires": expires}

    assert [result(await poller.poll(target_of(engine))) for _ in range(2)] == [OK] * 2
    assert engine.logins == 1


async def test_a_token_without_a_key_is_sent_alone(
    engine: Engine, site: Site, poller: Poller
) -> None:
    engine.more = {"key": None}
    await poller.poll(target_of(engine))

    assert "x-key" not in site.asked("/api/v2/status")[0].headers


@pytest.mark.parametrize("prefix", ["", "/old", "/2015"])
async def test_the_simulator_is_polled_with_a_login(prefix: str, poller: Poller) -> None:
    """With the simulator, where an expired token is a 401 or a 400, depending on its release."""
    world = SimulatedServers(clock=lambda: NOW)
    engines = {"": world.webitel, "/old": world.webitel_old, "/2015": world.webitel_2015}
    vendor = engines[prefix]
    async with TestServer(make_app(world)) as server:
        target = make_target(
            "webitel", f"{server.make_url(prefix)}".rstrip("/"), client=login(USER.password)
        )
        assert [result(await poller.poll(target)) for _ in range(3)] == [OK] * 3
        vendor.logins.expire()
        assert result(await poller.poll(target)) == OK

    assert vendor.logins.count == 2


async def test_a_token_is_sent_only_to_its_server(site: Site, poller: Poller) -> None:
    async with open_site() as other_site:
        one, other = Engine(site), Engine(other_site)
        one.more, other.more = {"token": "one"}, {"token": "other"}
        one.taken, other.taken = {"one"}, {"other"}
        for engine in (one, other, one, other):
            assert result(await poller.poll(target_of(engine))) == OK

        assert {seen.headers["x-access-token"] for seen in other_site.asked("/api/v2/status")} == {
            "other"
        }


async def test_logins_of_the_service_are_counted(engine: Engine) -> None:
    engine.password = "another"
    target = replace(target_of(engine), interval=60.0)
    async with running(Settings(targets=(target,)), Clock()) as (targets, telemetry, _):
        value = telemetry.registry.get_sample_value
        async with asyncio.timeout(60):
            while targets.waiting:
                await asyncio.sleep(0.01)

    assert value("status_exporter_logins_total", {"client": "c"}) == 1
    assert value("status_exporter_login_failures_total", {"client": "c"}) == 1
