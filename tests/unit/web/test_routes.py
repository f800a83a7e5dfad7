"""The HTTP surface, over real sockets."""

import asyncio
import gzip
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import replace

import aiohttp
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporter.clock import Clock
from exporter.declare.extraction import Extraction
from exporter.errors import PollError, Reason
from exporter.pipeline.snapshot import PollResult
from exporter.runtime.targets import Targets
from exporter.service import running
from exporter.settings import Settings
from exporter.telemetry import Telemetry
from exporter.toolkit.listen import listening
from exporter.web import page_handlers
from exporter.web.routes import make_app
from support.polling import NOW, make_target
from support.vendor import Vendor, response

OPENMETRICS = "application/openmetrics-text;version=1.0.0"


class Site:
    """A running site, and a client for it."""

    def __init__(self, base: str, targets: Targets, session: aiohttp.ClientSession) -> None:
        self.base = base
        self.targets = targets
        self._session = session

    async def get(
        self, path: str, method: str = "GET", **headers: str
    ) -> tuple[int, Mapping[str, str], bytes]:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self._session.request(method, f"{self.base}{path}", headers=sent) as answer:
            return answer.status, answer.headers, await answer.read()


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    names = ("a", '<script>"&', "waiting")
    settings = Settings(targets=tuple(replace(make_target(), name=name) for name in names))
    telemetry = Telemetry()
    targets = Targets(settings, telemetry, Clock(wall=lambda: NOW, monotonic=lambda: 0.0))
    app = make_app(targets, telemetry, "/metrics")
    async with (
        listening(app, ["127.0.0.1:0"]) as (address,),
        aiohttp.ClientSession(auto_decompress=False, skip_auto_headers=["Accept-Encoding"]) as one,
    ):
        yield Site(f"http://{address}", targets, one)


def record(site: Site, **outcomes: Extraction | PollError) -> None:
    for tracked in site.targets:
        outcome = outcomes.get(tracked.target.name)
        if outcome is not None:
            site.targets.record(tracked, PollResult(outcome, 0.1, NOW, 0.0))


async def test_text_is_the_default_format(site: Site) -> None:
    record(site, a=Extraction((), ()))
    status, headers, body = await site.get("/metrics")

    assert status == 200
    assert headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert headers["Vary"] == "Accept, Accept-Encoding"
    assert "Content-Encoding" not in headers
    assert list(parse_text(body.decode()))


async def test_openmetrics_is_served_on_request(site: Site) -> None:
    record(site, a=PollError(Reason.TLS, "x"))
    status, headers, body = await site.get("/metrics", Accept=OPENMETRICS)

    assert status == 200
    assert headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    assert list(parse_openmetrics(body.decode()))  # type: ignore[no-untyped-call]


async def test_gzip_has_the_same_page(site: Site) -> None:
    record(site, a=Extraction((), ()))
    _, headers, packed = await site.get("/metrics", Accept_Encoding="gzip")
    _, _, plain = await site.get("/metrics")

    def steady(page: bytes) -> list[str]:
        lines = page.decode().splitlines()
        return [line for line in lines if not re.match(r"(process|python)_", line)]

    assert headers["Content-Encoding"] == "gzip"
    assert steady(gzip.decompress(packed)) == steady(plain)


async def test_a_malformed_accept_header_gets_text(site: Site) -> None:
    status, headers, _ = await site.get("/metrics", Accept='application/openmetrics-text;version="')

    assert (status, headers["Content-Type"][:10]) == (200, "text/plain")


async def test_head_has_the_headers_and_no_body(site: Site) -> None:
    status, headers, body = await site.get("/metrics", "HEAD", Accept_Encoding="gzip")

    assert (status, body, headers["Content-Encoding"]) == (200, b"", "gzip")


@pytest.mark.parametrize("path", ["/metrics", "/", "/-/healthy", "/-/ready"])
async def test_no_route_accepts_post(site: Site, path: str) -> None:
    status, _, _ = await site.get(path, "POST")

    assert status == 405


async def test_health_does_not_depend_on_targets(site: Site) -> None:
    assert (await site.get("/-/healthy"))[::2] == (200, b"Healthy.\n")


async def test_ready_waits_for_the_first_poll_of_each_target(site: Site) -> None:
    before = await site.get("/-/ready")
    record(site, **{name: PollError(Reason.TIMEOUT, "x") for name in ("a", '<script>"&')})
    almost = await site.get("/-/ready")
    record(site, waiting=Extraction((), ()))
    after = await site.get("/-/ready")

    assert before[::2] == (503, b"Not ready: 3 of 3 targets not polled yet.\n")
    assert almost[::2] == (503, b"Not ready: 1 of 3 targets not polled yet.\n")
    assert after[::2] == (200, b"Ready.\n")


@pytest.mark.parametrize("path", ["/", "/metrics", "/-/ready", "/nowhere"])
async def test_every_response_has_safe_headers(site: Site, path: str) -> None:
    _, headers, _ = await site.get(path)

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert headers["Server"] == "status-exporter"


async def test_a_missing_path_is_not_repeated_in_the_response(site: Site) -> None:
    status, _, body = await site.get("/<script>alert(1)</script>")

    assert status == 404
    assert b"script" not in body


async def test_the_telemetry_path_can_be_the_root() -> None:
    targets = Targets(Settings(targets=()), Telemetry(), Clock())
    app = make_app(targets, Telemetry(), "/")
    async with (
        listening(app, ["127.0.0.1:0"]) as (address,),
        aiohttp.request("GET", f"http://{address}/") as answer,
    ):
        assert "status_exporter_build_info" in await answer.text()


async def test_a_target_appears_and_disappears(vendor: Vendor) -> None:
    vendor.answer = response(b'{"mode": "production"}')
    target = replace(make_target(url=vendor.url), interval=0.2, timeout=60.0, max_age=600.0)
    async with running(Settings(targets=(target,)), Clock()) as (targets, telemetry, _):
        app = make_app(targets, telemetry, "/metrics")
        async with listening(app, ["127.0.0.1:0"]) as (address,), aiohttp.ClientSession() as one:

            async def shown(text: str) -> None:
                async with asyncio.timeout(60):
                    while True:
                        async with one.get(f"http://{address}/metrics") as answer:
                            if text in await answer.text():
                                return

            await shown('genesys_ucs_mode{target="t",mode="production"} 1')
            vendor.answer = response(b"", status="503 Service Unavailable")
            await shown('status_exporter_poll_failures_total{target="t",reason="http_503"} ')
            vendor.answer = response(b'{"mode": "maintenance"}')
            await shown('genesys_ucs_mode{target="t",mode="maintenance"} 1')


async def test_at_most_one_page_is_rendered_in_a_turn_of_the_loop(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    turn = 0
    written_in: list[int] = []

    async def count() -> None:
        nonlocal turn
        while True:
            turn += 1
            await asyncio.sleep(0)

    def page(*_: object) -> Iterator[str]:
        written_in.append(turn)
        yield "page"

    monkeypatch.setattr(page_handlers, "render_list", page)
    counting = asyncio.create_task(count())
    await asyncio.gather(*(site.get("/") for _ in range(50)))
    counting.cancel()

    assert len(set(written_in)) == len(written_in) == 50
