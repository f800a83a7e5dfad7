"""A target to poll, clocks that a test moves, and the result of a poll."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from exporter.clock import Clock
from exporter.errors import PollError
from exporter.http.connections import Connections
from exporter.pipeline.request import build
from exporter.pipeline.snapshot import PollResult, Snapshot
from exporter.runtime.poll_run import PollRun
from exporter.runtime.poll_run import poll as poll_once
from exporter.runtime.targets import Targets
from exporter.settings import Client, Target
from exporter.systems import SYSTEMS
from exporter.toolkit.negotiate import Format
from exporter.web.exposition import expose_targets

NOW = 1710753164.25
"""2024-03-18T09:12:44.25Z, shortly after the recordings were made."""


FIXED = Clock(wall=lambda: NOW, monotonic=lambda: 1000.0)
REQUIRED_PARAM = "1200345"
"""The value of each parameter without a default."""


def make_target(
    system: str = "genesys_ucs",
    url: str = "http://127.0.0.1:1",
    *,
    client: Client | None = None,
    params: Mapping[str, str] | None = None,
    timeout: float = 5.0,
) -> Target:
    """Make an ordinary target; its parameters are the defaults."""
    declared = SYSTEMS[system]
    defaults = {
        name: REQUIRED_PARAM if param.default is None else param.default
        for name, param in declared.params.items()
    }
    return Target(
        name="t",
        system=declared,
        url=url,
        client=client or Client(name=""),
        params=defaults if params is None else params,
        interval=15.0,
        timeout=timeout,
        max_age=45.0,
    )


def snapshots_of(targets: Targets) -> list[tuple[Target, Snapshot]]:
    """Return the snapshots that a scrape shows; stale targets fail first."""
    targets.age()
    shown = ((one.target, one.snapshot) for one in targets if not one.target.on_probe)
    return [(target, snapshot) for target, snapshot in shown if snapshot is not None]


def lines_of(target: Target, snapshot: Snapshot) -> str:
    """Return all that scrapes show of a target."""
    page = b"".join(expose_targets([(target, snapshot)], Format.TEXT)).decode()
    return "".join(line for line in page.splitlines(keepends=True) if not line.startswith("#"))


Polls = Callable[[Target], Awaitable[PollResult]]


class Hand:
    """A clock that tests advance."""

    def __init__(self, start: float) -> None:
        self.passed = 0.0
        self._start = start

    @property
    def clock(self) -> Clock:
        return Clock(wall=lambda: self._start + self.passed, monotonic=lambda: 1000.0 + self.passed)


class Poller:
    """Polls with connections that outlive a poll, and counts logins."""

    def __init__(self, hand: Hand) -> None:
        self.logins: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self._hand = hand
        self.connections = Connections(hand.clock, on_login=self._count)

    def _count(self, client: str, error: PollError | None) -> None:
        self.logins[client] += 1
        if error is not None:
            self.failures[client] += 1

    async def poll(self, target: Target) -> PollResult:
        return await poll_once(PollRun(target, build(target), self.connections, self._hand.clock))

    async def together(self, target: Target, count: int) -> list[PollResult]:
        """Poll this many targets of one server at once."""
        targets = [replace(target, name=str(number)) for number in range(count)]
        return list(await asyncio.gather(*map(self.poll, targets)))


OK = "ok"


def result(poll: PollResult) -> str:
    return str(poll.outcome) if isinstance(poll.outcome, PollError) else OK


def mode(poll: PollResult) -> str:
    """Return the mode that the answer named."""
    assert not isinstance(poll.outcome, PollError), poll.outcome
    return next(one.labels[0][1] for one in poll.outcome.samples if one.value == 1.0)
