"""Which connections are closed: by number, address, state and open files."""

import asyncio
import errno
import re
import resource

import pytest
from prometheus_client import CollectorRegistry

from exporter.telemetry import Telemetry
from exporter.toolkit.connection_limits import ConnectionLimiter, Limits, normalized_address
from exporter.toolkit.server_metrics import RejectReason, ServerMetrics
from support.repository import ROOT


def test_every_reason_is_there_from_the_beginning() -> None:
    telemetry = Telemetry()
    name = "status_exporter_http_rejected_total"

    assert {
        telemetry.registry.get_sample_value(name, {"reason": str(reason)})
        for reason in RejectReason
    } == {0.0}


class FakeTransport(asyncio.Transport):
    """A connection that only notes that it was closed."""

    is_aborted = False

    def abort(self) -> None:
        self.is_aborted = True


def make_limiter(connections: int, now: list[float]) -> ConnectionLimiter:
    metrics = ServerMetrics(CollectorRegistry(), "x")
    return ConnectionLimiter(metrics, Limits(connections=connections), lambda: now[0])


async def test_of_equal_addresses_the_longest_idle_connection_is_closed() -> None:
    now = [0.0]
    limiter = make_limiter(3, now)
    held = list[FakeTransport]()
    for address in ("a", "b", "c", "scraper"):
        now[0] += 1
        held.append(FakeTransport())
        client = limiter.add(held[-1], address)
        if address == "a":
            limiter.begin_response(client, None)

    assert [one.is_aborted for one in held] == [False, True, False, False]


async def test_scrapes_of_one_address_do_not_keep_out_another() -> None:
    now = [0.0]
    metrics = ServerMetrics(CollectorRegistry(), "x")
    limiter = ConnectionLimiter(metrics, Limits(scrapes=4), lambda: now[0])
    crowd, few = [], []
    for number in range(4):
        now[0] += 1
        crowd.append(limiter.add(FakeTransport(), "crowd"))
        assert limiter.admit_scrape(crowd[-1]), number
    admitted = []
    for _ in range(3):
        now[0] += 1
        few.append(limiter.add(FakeTransport(), "few"))
        admitted.append(limiter.admit_scrape(few[-1]))

    # Half of the scrapes are its own then.
    assert admitted == [True, True, False]
    assert [one in limiter._scrapes for one in crowd] == [False, False, True, True]
    assert not limiter.admit_scrape(limiter.add(FakeTransport(), "crowd"))


@pytest.mark.parametrize(
    ("number", "left"), [(errno.EMFILE, 1), (errno.ENFILE, 1), (errno.ECONNABORTED, 2)]
)
async def test_a_lack_of_open_files_closes_an_idle_connection(number: int, left: int) -> None:
    now = [0.0]
    limiter = make_limiter(3, now)
    held = [FakeTransport() for _ in "ab"]
    for transport, address in zip(held, "ab", strict=True):
        now[0] += 1
        limiter.add(transport, address)
    limiter.make_room(OSError(number, "x"))

    assert len(limiter) == left
    assert [one.is_aborted for one in held] == [left == 1, False]


def test_without_connections_none_is_closed() -> None:
    make_limiter(3, [0.0]).make_room(OSError(errno.EMFILE, "x"))


@pytest.mark.parametrize(
    ("files", "connections"),
    [(16, 4), (64, 4), (256, 52), (1024, 128), (2**20, 128), (resource.RLIM_INFINITY, 128)],
)
async def test_connections_leave_open_files_for_polls(
    monkeypatch: pytest.MonkeyPatch, files: int, connections: int
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (files, files))
    limiter = make_limiter(128, [0.0])
    for _ in range(200):
        limiter.add(FakeTransport(), "a")

    assert len(limiter) == connections


def test_the_document_has_the_limits() -> None:
    text = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    limits = Limits()

    assert set(re.findall(r"`(\w+)` \|$", text, re.MULTILINE)) == set(RejectReason)
    assert f"| concurrent connections | {limits.connections}, " in text
    assert f"| concurrent scrapes | {limits.scrapes}, " in text
    assert f"| time for the head of a request | {limits.head:.0f} s |" in text
    assert f"| {limits.response:.0f} s, or the scraper's timeout plus {limits.margin:.0f} s" in text
    assert f"| {limits.request_bytes // 1024} KiB |" in text
    assert f"| idle between two requests | {limits.idle:.0f} s |" in text


@pytest.mark.parametrize(
    ("name", "peer"),
    [
        (("192.0.2.1", 1), "192.0.2.1"),
        (("::ffff:192.0.2.1", 1, 0, 0), "192.0.2.1"),
        (("2001:db8:1:2:3:4:5:6", 1, 0, 0), "2001:db8:1:2::/64"),
        (("fe80::1%eth0", 1, 0, 2), "fe80::/64"),
        ("", ""),
        (None, ""),
    ],
)
def test_a_client_is_an_address_or_network(name: object, peer: str) -> None:
    assert normalized_address(name) == peer
