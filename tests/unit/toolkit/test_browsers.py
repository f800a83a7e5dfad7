"""Requests that pages of other sites make a browser send."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry

from exporter.toolkit.browsers import check_host_name
from exporter.toolkit.exceptions import WebConfigError
from exporter.toolkit.listen import listening
from exporter.toolkit.protection import protect
from exporter.toolkit.server_metrics import ServerMetrics

HOST = "exporter.test:9100"


async def answer(_request: web.Request) -> web.Response:
    return web.Response(text="answer\n")


@asynccontextmanager
async def serving(*allowed_hosts: str) -> AsyncIterator[tuple[str, Callable[[str], float]]]:
    """Yield the URL of a protected application, and the number of rejections by reason."""
    registry = CollectorRegistry()
    app = web.Application()
    protect(app, ServerMetrics(registry, "x"), allowed_hosts=allowed_hosts)
    app.router.add_route("*", "/", answer)
    app.router.add_get("/-/healthy", answer)

    def rejected(reason: str) -> float:
        found = registry.get_sample_value("x_http_rejected_total", {"reason": reason})
        assert found is not None
        return found

    async with listening(app, ["127.0.0.1:0"]) as (address,):
        yield f"http://{address}", rejected


async def status(url: str, headers: dict[str, str], method: str = "POST") -> int:
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, url, headers=headers) as response,
    ):
        assert (await response.read() == b"answer\n") == (response.status == 200)
        return response.status


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("host", "origin"),
    [
        (HOST, "http://evil.test"),
        (HOST, "http://evil.test:9100"),
        (HOST, "http://exporter.test"),
        (HOST, "http://exporter.test:9101"),
        (HOST, "https://exporter.test"),
        (HOST, "http://x.exporter.test:9100"),
        (HOST, "http://evil@exporter.test:9100"),
        (HOST, "null"),
        (HOST, ""),
        (HOST, "exporter.test:9100"),
        (HOST, "http://["),
        (HOST, "http://exporter.test:9100x"),
        ("exporter.test:x", "http://exporter.test"),
    ],
)
async def test_an_origin_that_is_not_the_host_is_refused(
    method: str, host: str, origin: str
) -> None:
    async with serving() as (url, rejected):
        found = await status(url, {"Host": host, "Origin": origin}, method)

        assert (found, rejected("origin")) == (403, 1.0)


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        (HOST, "http://exporter.test:9100"),
        (HOST, "https://EXPORTER.test:9100"),
        ("exporter.test", "http://exporter.test"),
        ("exporter.test", "https://exporter.test"),
        ("exporter.test", "https://exporter.test:443"),
        ("exporter.test:80", "http://exporter.test"),
        ("[::1]:9100", "http://[::1]:9100"),
    ],
)
async def test_an_origin_that_is_the_host_is_answered(host: str, origin: str) -> None:
    async with serving() as (url, rejected):
        found = await status(url, {"Host": host, "Origin": origin})

        assert (found, rejected("origin")) == (200, 0.0)


async def test_several_origins_are_refused() -> None:
    async with serving() as (url, _):
        headers = [("Host", HOST), ("Origin", f"http://{HOST}"), ("Origin", "http://evil.test")]
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, headers=headers) as response,
        ):
            assert response.status == 403


@pytest.mark.parametrize(
    ("method", "site", "expected"),
    [
        ("POST", "cross-site", 403),
        ("POST", "same-site", 403),
        ("POST", "same-origin", 200),
        ("POST", "none", 200),
        ("GET", "cross-site", 200),  # A link leads here.
    ],
)
async def test_a_post_of_another_site_is_refused(method: str, site: str, expected: int) -> None:
    async with serving() as (url, _):
        assert await status(url, {"Sec-Fetch-Site": site}, method) == expected


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("exporter.test", 200),
        ("EXPORTER.test:9100", 200),
        ("exporter.test.", 200),
        ("10.0.0.1:9100", 200),
        ("[2001:db8::1]:9100", 200),
        ("localhost:9100", 200),
        ("evil.test", 403),
        ("exporter.test.evil.test", 403),
        ("x.exporter.test", 403),
        ("evil.test@exporter.test", 403),
        ("10.0.0.1.evil.test", 403),
        ("exporter.test/x", 403),
        ("", 403),
    ],
)
async def test_a_host_must_be_on_the_list(host: str, expected: int) -> None:
    async with serving("exporter.test") as (url, rejected):
        found = await status(url, {"Host": host}, "GET")
        health = await status(f"{url}/-/healthy", {"Host": host}, "GET")

        assert (found, health) == (expected, 200)
        assert rejected("host") == (expected == 403)


async def test_without_a_list_every_host_is_answered() -> None:
    async with serving() as (url, _):
        assert await status(url, {"Host": "evil.test"}, "GET") == 200


def test_an_allowed_host_has_neither_scheme_nor_port() -> None:
    assert check_host_name("Exporter.Example") == "exporter.example"
    for name in ("", "http://a", "a:9100", "a/b", "a b", "a@b", "[", "a?b", "*.example"):
        with pytest.raises(WebConfigError, match="not a host name such as"):
            check_host_name(name)
