"""The exporter under test: its configuration is written and the program started, as users do it."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

from bench.bodies import TEN_PATH, UCS_PATH
from bench.client import Reply, get
from bench.figures import BenchError
from bench.machine import LOADER_CPU, Process, free_port

_LONGEST_TIMEOUT = 5.0
_SHARE_OF_INTERVAL = 0.9
# Between the targets' numbers and their addresses; the last part of an address is 1 to 250.
_PART = 250
_OK = 200
_LONGEST_START = 120.0


@dataclass(frozen=True)
class Load:
    """How many targets of which kind are polled how often; `ten`, `ucs` or `mixed` answers."""

    targets: int
    interval: float
    kind: str = "ten"
    sharing: int = 1
    """How many targets have the same address, and by that the same connection."""

    def address(self, number: int) -> str:
        """Return the loopback address of a target."""
        group = number // self.sharing
        return f"127.{1 + group // _PART**2}.{group // _PART % _PART}.{group % _PART + 1}"

    def url(self, number: int, port: int) -> str:
        """Return what a program that takes any URL polls."""
        path = {"ten": TEN_PATH, "ucs": UCS_PATH}[self.kind]
        return f"http://{self.address(number)}:{port}{path}"

    def written(self, port: int) -> str:
        """Return the configuration of the exporter."""
        timeout = min(_LONGEST_TIMEOUT, self.interval * _SHARE_OF_INTERVAL)
        times = f"{self.interval * 1000:.0f}ms, timeout: {timeout * 1000:.0f}ms, max_age: 1h"
        lines = [
            f"global: {{interval: {times}}}",
            "targets:",
            *(self._target(number, port) for number in range(self.targets)),
        ]
        return "\n".join(lines) + "\n"

    def _target(self, number: int, port: int) -> str:
        url = f"http://{self.address(number)}:{port}"
        if self.kind == "ten":
            url, system = f"{url}/ten", "webitel"
        elif self.kind == "ucs":
            system = "genesys_ucs"
        else:
            system = ("webitel", "clanforge")[number % 2]
        more = f', params: {{serverid: "{number}"}}' if system == "clanforge" else ""
        return f'  - {{name: target-{number}, system: {system}, url: "{url}"{more}}}'


@dataclass(frozen=True)
class Count:
    """What the status server counted."""

    polls: int
    late: int
    longest: float
    addresses: int


class Server(Process):
    """The status server that everything polls."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        command = [sys.executable, "-m", "bench.server", str(self.port)]
        super().__init__(command, folder / "server.log", LOADER_CPU)

    def wait_until_listening(self) -> None:
        """Wait until it answers."""
        self.wait_for(lambda: get(self.port, "/bench/count").status == _OK, "to listen")

    def count(self) -> Count:
        """Return the count so far."""
        return self._told("/bench/count")

    def watch(self, allowed: float) -> None:
        """Count anew; a longer pause between two polls of an address is late."""
        self._told(f"/bench/watch?{allowed}")

    def _told(self, path: str) -> Count:
        reply = get(self.port, path)
        if not reply.status:
            raise BenchError("the status server does not answer")
        return Count(**json.loads(reply.body))


class Exporter(Process):
    """The exporter, started with a load of targets on the server."""

    def __init__(self, folder: Path, load: Load, server_port: int) -> None:
        self.port = free_port()
        self._load = load
        config = folder / "config.yaml"
        config.write_text(load.written(server_port))
        command = [sys.executable, "-m", "exporter", "serve", "--config.file", str(config)]
        command += ["--web.listen-address", f"127.0.0.1:{self.port}", "--log.level", "warn"]
        super().__init__(command, folder / "exporter.log")

    def wait_until_listening(self) -> None:
        """Wait until it answers."""
        self.wait_for(lambda: self.ask("/-/healthy").status == _OK, "to listen", _LONGEST_START)

    def wait_until_ready(self) -> None:
        """Wait until it has polled every target."""
        seconds = self._load.interval + _LONGEST_START
        self.wait_for(lambda: self.ask("/-/ready").status == _OK, "to be ready", seconds)

    def ask(self, path: str, accept_encoding: str = "identity") -> Reply:
        """Ask the exporter."""
        return get(self.port, path, accept_encoding)

    def value(self, metric: str) -> float | None:
        """Return one of the exporter's own metrics that has no labels; None where there is none."""
        for line in self.ask("/metrics").body.decode().splitlines():
            name, _, value = line.partition(" ")
            if name == metric:
                return float(value)
        return None

    def check_all_up(self) -> None:
        """Make sure that what is measured is polls that work.

        Raises:
            BenchError: Targets are down, or fields of them could not be read.
        """
        up = clean = 0
        for line in self.ask("/metrics").body.splitlines():
            up += line.startswith(b"status_exporter_target_up{") and line.endswith(b" 1")
            clean += line.startswith(b"status_exporter_field_faults{") and line.endswith(b" 0")
        if (up, clean) != (self._load.targets, self._load.targets):
            raise BenchError(f"of {self._load.targets} targets {up} are up, {clean} without faults")
