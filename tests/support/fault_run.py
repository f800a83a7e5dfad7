"""Runs the whole service against every fault at once, and records each before and after."""

import asyncio
import json
import logging
import math
import os
import socket
import sys
import tracemalloc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import aiohttp
import pytest

from exporter.clock import Clock
from exporter.errors import PollError, Reason
from exporter.pipeline.snapshot import PollResult
from exporter.runtime.target_state import TargetState
from exporter.runtime.targets import Targets
from exporter.runtime.timing import MIN_TICK, rounds
from exporter.service import running
from exporter.settings import Client, Settings, Target, Tls
from exporter.systems import SYSTEMS
from exporter.toolkit.listen import listening
from exporter.web.routes import make_app
from support.fault_catalog import FAULTS, Fault, tried
from support.fault_server import GOOD, SECURE
from support.metrics_page import Page, read_page
from support.polling import make_target
from support.repository import ROOT

INTERVAL = 0.4
GOOD_TARGETS = 10
# Long enough for a handshake on a busy machine. Each poll of a silent server takes this long.
_TIMEOUT = 5.0
_PATIENT = 60.0
# Polls of each fault: more than it takes to reach the longest back-off.
_ROUNDS = 5
# For faults whose polls take seconds.
_SLOW_ROUNDS = 2
# Differences between two moments: recorded evidence, and connections that are being opened, since
# the polls of a tick start together.
_MORE_FILES = 40
_MORE_TASKS = 2
_MORE_BYTES = 4 * 2**20
# A fault that does not get this far is a failure of the test.
_LONGEST = 120.0


@dataclass(frozen=True, kw_only=True)
class ObservedPoll:
    """One poll: its start, its end, its result, and its snapshot."""

    left: float
    ended: float
    reason: Reason | None
    up: bool
    vendor: bool
    pause: float
    """The pause that the vendor requests, in seconds."""
    was_raised: bool
    """Whether the error refers to frames, or to an error that does."""


@dataclass(frozen=True, kw_only=True)
class Held:
    """Memory, files and tasks of the process."""

    files: int
    tasks: int
    memory: int

    def exceeds(self, before: "Held") -> bool:
        """Return whether the difference is too large for two moments."""
        return (
            self.files > before.files + _MORE_FILES
            or self.tasks > before.tasks + _MORE_TASKS
            or self.memory > before.memory + _MORE_BYTES
        )


@dataclass(kw_only=True, repr=False)
class Evidence:
    """All observations of a run."""

    polls: dict[str, list[ObservedPoll]] = field(default_factory=dict)
    pages: dict[str, Page] = field(default_factory=dict)
    held: dict[str, Held] = field(default_factory=dict)
    broken: float = 0.0
    repair: float = 0.0
    repaired: float = 0.0
    ticks: list[float] = field(default_factory=list)
    """The times of the schedule's ticks."""
    logged: list[logging.LogRecord] = field(default_factory=list)

    def while_broken(self, name: str) -> list[ObservedPoll]:
        """Return the polls that started and ended while the servers were broken."""
        return [
            one for one in self.polls[name] if self.broken < one.left and one.ended < self.repair
        ]

    def overdue(self, name: str) -> int:
        """Return the maximum number of consecutive ticks without a poll that was due.

        However late the ticks are, at each of them the schedule can start every poll that is due.
        """
        failures = most = 0
        for one, following in pairwise(self.polls[name]):
            failures = failures + 1 if one.reason else 0
            owed = max(one.pause + INTERVAL, (rounds(failures) + 0.5) * INTERVAL)
            looks = sum(one.ended < at < following.left for at in self.ticks)
            most = max(most, looks - math.ceil(owed / MIN_TICK))
        return most

    def recovers_after(self, name: str) -> int:
        """Return the number of the first poll after the repair that succeeded; 0 if none did."""
        after = [one for one in self.polls[name] if one.left > self.repaired]
        return next((at for at, one in enumerate(after, 1) if one.reason is None), 0)


class _Keep(logging.Handler):
    def __init__(self, kept: list[logging.LogRecord]) -> None:
        super().__init__(logging.WARNING)
        self._kept = kept

    def emit(self, record: logging.LogRecord) -> None:
        self._kept.append(record)


async def besiege(patch: pytest.MonkeyPatch) -> Evidence:
    """Run the service before, during and after the faults."""
    evidence = Evidence()
    handler = _Keep(evidence.logged)
    logging.getLogger().addHandler(handler)
    try:
        async with _hostile() as (hostile, say):
            settings = Settings(targets=tuple(_targets(hostile)))
            down = _misname(patch)
            async with (
                running(settings, Clock()) as (targets, telemetry, _),
                listening(make_app(targets, telemetry, "/metrics"), ["127.0.0.1:0"]) as (address,),
                aiohttp.ClientSession() as scraper,
            ):
                siege = _Siege(
                    evidence,
                    targets,
                    url=f"http://{address}/metrics",
                    scraper=scraper,
                    patch=patch,
                )
                observe = telemetry.loop_lag.observe

                def tick(lag: float) -> None:
                    observe(lag)
                    evidence.ticks.append(Clock().monotonic())

                patch.setattr(telemetry.loop_lag, "observe", tick)
                await siege.run(say, down)
    finally:
        logging.getLogger().removeHandler(handler)
    return evidence


class _Siege:
    def __init__(
        self,
        evidence: Evidence,
        targets: Targets,
        *,
        url: str,
        scraper: aiohttp.ClientSession,
        patch: pytest.MonkeyPatch,
    ) -> None:
        self._evidence = evidence
        self._targets = targets
        self._url = url
        self._scraper = scraper
        self._now = Clock().monotonic
        record = targets.record

        def spy(tracked: TargetState, poll: PollResult) -> None:
            record(tracked, poll)
            snapshot = tracked.snapshot
            assert snapshot is not None
            error = poll.outcome if isinstance(poll.outcome, PollError) else None
            observed = ObservedPoll(
                left=poll.taken - poll.duration,
                ended=poll.taken,
                reason=error.reason if error else None,
                pause=error.retry_after if error else 0.0,
                up=snapshot.up,
                vendor=bool(snapshot.values),
                was_raised=bool(error and (error.__traceback__ or error.__context__)),
            )
            evidence.polls.setdefault(tracked.target.name, []).append(observed)

        patch.setattr(targets, "record", spy)

    async def run(self, say: Callable[[str], Any], down: set[str]) -> None:
        """Run the three phases."""
        evidence = self._evidence
        await self._until(lambda: all(one.snapshot and one.snapshot.up for one in self._targets))
        await self._look("well")
        down.add("vendor.invalid")
        await say("break")
        evidence.broken = self._now()
        await self._until(lambda: self._polled(1, slow=1))
        await self._look("first")
        tracemalloc.start()
        await self._until(lambda: self._polled(_ROUNDS - 2, slow=1))
        await self._look("before")
        await self._until(lambda: self._polled(_ROUNDS, slow=_SLOW_ROUNDS))
        await self._look("after", like="before")
        tracemalloc.stop()
        evidence.repair = self._now()
        await say("repair")
        down.clear()
        evidence.repaired = self._now()
        await self._until(lambda: all(evidence.recovers_after(name) for name in evidence.polls))
        await self._look("repaired", like="well")

    def _polled(self, times: int, *, slow: int) -> bool:
        """Return whether each target was polled often enough while broken."""
        evidence = self._evidence
        return all(
            sum(one.left > evidence.broken for one in evidence.polls[name])
            >= (slow if fault.is_slow else times)
            for name, fault in tried().items()
        )

    async def _until(self, check: Callable[[], bool]) -> None:
        began = self._now()
        while not check() and self._now() - began < _LONGEST:
            await asyncio.sleep(0.05)

    async def _look(self, name: str, like: str = "") -> None:
        """Record a page, and the holdings once polls have ended and they are back at their level."""
        async with self._scraper.get(self._url) as answer:
            self._evidence.pages[name] = read_page(await answer.text())
        samples = list[tuple[int, int, int]]()

        def least() -> Held:
            """Return the minimum of many samples: a poll in progress is no leak."""
            samples.append(_holds())
            files, tasks, memory = (min(one) for one in zip(*samples, strict=True))
            return Held(files=files, tasks=tasks, memory=memory)

        for _ in range(20):
            await asyncio.sleep(0.02)
            held = least()
        if like:
            await self._until(lambda: not least().exceeds(self._evidence.held[like]))
            held = least()
        self._evidence.held[name] = held


def _holds() -> tuple[int, int, int]:
    memory, _ = tracemalloc.get_traced_memory()
    return len(os.listdir("/dev/fd")), len(asyncio.all_tasks()), memory  # noqa: PTH208 - names alone


@asynccontextmanager
async def _hostile() -> AsyncIterator[tuple[dict[str, Any], Callable[[str], Any]]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "support.fault_server"),
        env={**os.environ, "PYTHONPATH": str(ROOT / "tests")},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    stdin, stdout = process.stdin, process.stdout

    async def say(word: str) -> None:
        stdin.write(f"{word}\n".encode())
        assert await stdout.readline() == b"done\n"

    try:
        yield json.loads(await stdout.readline()), say
    finally:
        process.kill()
        await process.wait()


def _targets(hostile: dict[str, Any]) -> list[Target]:
    ports, client = hostile["ports"], Client(name="siege", tls=Tls(ca=hostile["ca"]))
    made = [_target(name, fault, ports[name], client) for name, fault in tried().items()]
    good = Fault(reason=None)
    for number in range(GOOD_TARGETS):
        secure = number % 2 == 1
        port = ports[SECURE if secure else GOOD]
        one = _target(f"good {number}", good, port, client, secure=secure)
        made.append(one)
    return made


def _target(
    name: str, fault: Fault, port: int, client: Client, *, secure: bool | None = None
) -> Target:
    scheme = "https" if (fault.secure if secure is None else secure) else "http"
    short = fault.reason is Reason.TIMEOUT
    plain = make_target(fault.system, f"{scheme}://{fault.host}:{port}", client=client)
    return Target(
        name=name,
        system=SYSTEMS[fault.system],
        url=plain.url,
        client=client,
        interval=INTERVAL,
        timeout=_TIMEOUT if short else _PATIENT,
        max_age=10 * _LONGEST,
    )


def _misname(patch: pytest.MonkeyPatch) -> set[str]:
    """Resolve the names in the returned set to nothing, and all others to this machine."""
    unknown: set[str] = set()
    find = socket.getaddrinfo

    def getaddrinfo(host: Any, port: Any, *rest: Any, **more: Any) -> Any:
        if host in unknown:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return find("127.0.0.1" if str(host).endswith(".invalid") else host, port, *rest, **more)

    patch.setattr(socket, "getaddrinfo", getaddrinfo)
    # Addresses are cached for half a minute; here every request resolves the name.
    patch.setattr("exporter.http.resolve._FRESH_SECONDS", 0.0)
    return unknown


def table(evidence: Evidence) -> str:
    """Return a table of each fault, its reason, and the first good poll after it has ended."""
    lines = ["| fault | reason | first good poll |", "| --- " * 3 + "|"]
    for name, fault in FAULTS.items():
        tries = [name, f"{name}, over TLS"] if fault.either else [name]
        failing = [one for one in tries if tried()[one].reason]
        again = max((evidence.recovers_after(one) for one in failing), default="-")
        lines.append(f"| {name} | {_shown(evidence, tries)} | {again} |")
    return "\n".join(lines) + "\n"


def _shown(evidence: Evidence, names: list[str]) -> str:
    reasons = {poll.reason for name in names for poll in evidence.while_broken(name)}
    return ", ".join(sorted(f"`{one}`" for one in reasons if one)) or "up"
