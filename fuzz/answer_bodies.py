"""Bodies of answers: a poll of any system yields a page that Prometheus can read."""

import asyncio
import json
import math
import re
from collections.abc import Iterator, Sequence
from functools import cache
from random import Random

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporter.clock import Clock
from exporter.errors import PollError, Reason
from exporter.http.answer import Answer
from exporter.http.client import PooledClient
from exporter.http.connections import Connections
from exporter.http.deadlines import Deadline
from exporter.http.http_connection import HttpConnection, OnDone
from exporter.http.message import Headers, HttpRequest
from exporter.pipeline.request import build
from exporter.pipeline.snapshot import PollCounts, Snapshot, take_snapshot
from exporter.runtime.poll_run import PollRun, poll
from exporter.settings import Client, Target
from exporter.systems import SYSTEMS
from exporter.text import printable
from exporter.toolkit.negotiate import Format
from exporter.web.exposition import expose_targets
from fuzz.harness import ANSWERS, Harness
from fuzz.mutate import mutate_bytes, mutate_tree

_NOW = 1710753164.25
_CLOCK = Clock(wall=lambda: _NOW, monotonic=lambda: 1000.0)
_TYPES = ("application/json", "application/xml", "", "text/html; charset=gb18030")
_PARAMS = {"clanforge": {"serverid": "1200345", "query_info": "true", "match_info": "true"}}
_TOKENS = (
    *(b"{", b"}", b"[", b"]", b'"', b":", b",", b"\\", b"null", b"NaN", b"-Infinity", b"1e999"),
    *(b'"\\ud800"', b"\xff", b"\0", b"\xef\xbb\xbf", b"9" * 400, b"9" * 5000, b"[" * 70),
    *(b'"a":1,"a":2,', b"{}\n{}", b"1,2", b"\xff\xfe", b"\xfe\xff", b"\x1f\x8b", b"{\0", b"\0{"),
    *(b"<", b">", b"/>", b"</a>", b"<a>", b"&lt;", b"&#0;", b"&e;", b"<!DOCTYPE a>", b"<![CDATA["),
    *(b"<!--", b"-->", b'<?xml version="1.0" encoding="utf-16"?>', b'xmlns="x"', b'value="active"'),
    b"UP 0 years, 0 days\nFreeSWITCH (Version 1.6) is ready\n",
)


class _Client(PooledClient):
    """A client that returns the same answer to every request."""

    answer = Answer("", b"", _NOW)

    def start(
        self, request: HttpRequest, headers: Headers, deadline: Deadline | None, on_done: OnDone
    ) -> HttpConnection:
        """Return the answer, without a connection."""
        del headers, deadline
        asyncio.get_running_loop().call_soon(on_done, self.answer)
        return HttpConnection(self, request)


class _Canned(Connections):
    def __init__(self, answer: Answer) -> None:
        super().__init__(_CLOCK)
        self._client = _Client(Client(name=""), self.pool)
        self._client.answer = answer

    def client_of(self, target: Target) -> PooledClient:
        del target
        return self._client


@cache
def _targets() -> tuple[Target, ...]:
    return tuple(
        Target(
            name=name,
            system=system,
            url="http://127.0.0.1:1",
            client=Client(name=""),
            params=_PARAMS.get(name, {}),
            labels={"site": 'a"b\\c'},
            interval=15.0,
            timeout=5.0,
            max_age=45.0,
        )
        for name, system in SYSTEMS.items()
    )


@cache
def _runner() -> asyncio.Runner:
    return asyncio.Runner()


def check(body: bytes) -> None:
    """Poll each system with the body, under each content type."""
    for content_type in _TYPES:
        shown = _runner().run(_polled(Answer(content_type, body, _NOW)))
        if any(snapshot.up for _, snapshot in shown):
            _check_page(shown)


async def _polled(answer: Answer) -> list[tuple[Target, Snapshot]]:
    connections = _Canned(answer)
    shown = []
    for target in _targets():
        outcome = await poll(PollRun(target, build(target), connections, _CLOCK))
        found = outcome.outcome
        if isinstance(found, PollError):
            assert found.reason is not Reason.INTERNAL, "an exception that is no PollError"
            assert found.detail == printable(found.detail)
        else:
            assert all(math.isfinite(one.value) for one in found.samples)
            assert all(one.message == printable(one.message) for one in found.faults)
        shown.append((target, take_snapshot(target, outcome, PollCounts(polls=1))))
    return shown


def _check_page(shown: list[tuple[Target, Snapshot]]) -> None:
    text = b"".join(expose_targets(shown, Format.TEXT)).decode()
    openmetrics = b"".join(expose_targets(shown, Format.OPENMETRICS)).decode() + "# EOF\n"
    samples = [sample for family in parse_text(text) for sample in family.samples]
    series = {(sample.name, tuple(sorted(sample.labels.items()))) for sample in samples}
    assert len(series) == len(samples), "a series twice"
    assert all(sample.labels["target"] in SYSTEMS for sample in samples)
    again = [
        sample.name
        for family in parse_openmetrics(openmetrics)  # type: ignore[no-untyped-call]
        for sample in family.samples
    ]
    assert sorted(again) == sorted(sample.name for sample in samples)


def bodies() -> Iterator[bytes]:
    """Yield the recorded bodies."""
    for path in sorted(ANSWERS.glob("*/*")):
        raw = path.read_bytes()
        yield raw.partition(b"\n\n")[2] if path.suffix == ".http" else raw


@cache
def _names() -> Sequence[str]:
    found = (
        re.findall(r'"([^"\\]{1,40})" *:', body.decode("utf-8", "replace")) for body in bodies()
    )
    return sorted({name for names in found for name in names})


def mutate(body: bytes, chance: Random) -> bytes:
    """Change one node if the body is JSON; sometimes, or otherwise, change a few bytes."""
    if chance.randrange(3):
        try:
            tree = json.loads(body)
            return json.dumps(mutate_tree(tree, chance, _names())).encode()
        except (ValueError, RecursionError):
            pass
    return mutate_bytes(body, chance, _TOKENS)


BODIES = Harness(name="bodies", seeds=lambda: list(bodies()), mutate=mutate, check=check)
