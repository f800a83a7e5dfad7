"""The running program with good targets, under attack.

The verdict is the same for all: good targets are polled on time, the page can be parsed, memory,
threads and open files are bounded, and SIGTERM ends the program.
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from support.metrics_page import Page, read_page
from support.process import fetch, started
from support.tools import missing
from support.vendor import HEALTHY, Vendor, open_vendor

GOOD = tuple(f"good-{number}" for number in range(10))
INTERVAL = 1.0
"""Of the good targets, in seconds."""

_WATCHED_SECONDS = 4.0
# A busy machine may delay half of the polls; an attack must not stop them.
_SHARE_OF_POLLS = 0.5
# If it delays more, polls time out, and targets that fail are polled less often for some seconds.
_PATIENCE_SECONDS = 60.0
_MAX_BYTES = 256 * 2**20
# The threads of look-ups, and some more.
_MAX_THREADS = 100
# Time for polls in progress to end; the program takes a fraction of it.
_END_SECONDS = 20.0


@dataclass(frozen=True, kw_only=True)
class Hostile:
    """Additions to a configuration with good targets."""

    systems: Mapping[str, Any] = field(default_factory=dict)
    clients: Mapping[str, Any] = field(default_factory=dict)
    discovery: tuple[Any, ...] = ()
    targets: tuple[Any, ...] = ()
    first: str = ""
    """A shell command to run first, such as `ulimit -n 64`."""
    listen: str = "127.0.0.1:0"
    """Where the program listens; the test connects by IPv4."""
    max_bytes: int = _MAX_BYTES
    """The maximum of memory that the program may use."""


class Siege:
    """The program under attack, and what a test observes of it."""

    def __init__(
        self,
        process: "subprocess.Popen[str]",
        address: str,
        folder: Path,
        hostile: Hostile,
        good: Vendor,
    ) -> None:
        self.address = address
        self.good = good
        self._process = process
        self._folder = folder
        self._hostile = hostile

    async def fetch(self, path: str = "/metrics") -> str:
        """Return a page of the program."""
        return await asyncio.to_thread(fetch, f"http://{self.address}{path}")

    async def status(self, path: str) -> tuple[int, str]:
        """Return the status and text of an answer."""
        return await self._request("GET", path)

    async def post(self, path: str, **headers: str) -> tuple[int, str]:
        """Return the same of a POST request."""
        return await self._request("POST", path, **headers)

    async def _request(self, method: str, path: str, **headers: str) -> tuple[int, str]:
        url = f"http://{self.address}{path}"
        async with aiohttp.request(method, url, headers=headers) as answer:
            return answer.status, await answer.text()

    async def reload(self, hostile: Hostile) -> None:
        """Reload the configuration with these additions."""
        text = configuration(hostile, self.good.url)
        (self._folder / "config.yaml").write_text(text, encoding="utf-8")
        status, answer = await self.post("/-/reload")
        assert status == 200, answer

    async def until_polled(self, *names: str) -> None:
        """Wait until the good targets and these have been polled."""
        async with asyncio.timeout(60):
            while not {*GOOD, *names} <= {*read_page(await self.fetch())}:
                await asyncio.sleep(0.1)

    async def watch(self, seconds: float = _WATCHED_SECONDS) -> str:
        """Watch the program until the good targets are polled on time; return the last page."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            before, began = read_page(await self.fetch()), time.monotonic()
            await asyncio.sleep(seconds)
            text, ended = await self.fetch(), time.monotonic()
            status = _status(self._process.pid)
            assert status["VmRSS"] * 1024 <= self._hostile.max_bytes, status
            assert status["Threads"] <= _MAX_THREADS, status
            owed = _SHARE_OF_POLLS * (ended - began) / INTERVAL - 1
            polls = _polls(before, read_page(text))
            if min(polls.values()) >= owed:
                return text
            assert ended < deadline, f"{owed} polls were owed to each: {polls}"

    async def watch_until(self, *names: str, up: bool) -> str:
        """Watch the program until these targets are up or down, and return the last page."""
        async with asyncio.timeout(120):
            while True:
                page = await self.watch()
                if all(read_page(page)[name].up is up for name in names):
                    return page

    async def end(self) -> str:
        """End the program by SIGTERM and return what it logged."""
        self._process.terminate()
        out, _ = await asyncio.to_thread(self._process.communicate, timeout=_END_SECONDS)
        assert self._process.returncode == 0, out
        return out


def _polls(before: Page, after: Page) -> dict[str, float]:
    return {name: after[name].polls - before[name].polls for name in GOOD}


def _status(pid: int) -> dict[str, int]:
    """Return the numbers of /proc/PID/status; memory in KiB."""
    found = {}
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        name, _, value = line.partition(":")
        if value.split()[:1] and value.split()[0].isdecimal():
            found[name] = int(value.split()[0])
    return found


def configuration(hostile: Hostile, url: str) -> str:
    """Write the configuration with the good targets at the URL."""
    good = [
        {"name": name, "system": "genesys_ucs", "url": url, "interval": "1s", "timeout": "900ms"}
        for name in GOOD
    ]
    parts = {
        "systems": dict(hostile.systems),
        "clients": dict(hostile.clients),
        "discovery": list(hostile.discovery),
        "targets": [*good, *hostile.targets],
    }
    return yaml.safe_dump({name: part for name, part in parts.items() if part})


@contextmanager
def _program(folder: Path, hostile: Hostile) -> Any:
    config = str(folder / "config.yaml")
    arguments = ("--config.file", config, f"--web.listen-address={hostile.listen}")
    with started("serve", *arguments, first=hostile.first) as found:
        yield found


@asynccontextmanager
async def besieged(folder: Path, hostile: Hostile) -> AsyncIterator[Siege]:
    """Start the program with the good targets and the additions."""
    if sys.platform != "linux":
        missing("Linux, whose /proc the siege reads")
    async with open_vendor() as good:
        good.answer = HEALTHY
        (folder / "config.yaml").write_text(configuration(hostile, good.url), encoding="utf-8")
        program = _program(folder, hostile)
        process, address = await asyncio.to_thread(program.__enter__)
        try:
            siege = Siege(process, address, folder, hostile, good)
            await siege.until_polled()
            yield siege
        finally:
            program.__exit__(None, None, None)
