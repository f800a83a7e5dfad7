"""The status server, and what a program that polls it has: the exporter, of any checkout."""

import json
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import trustme

from bench.figures import BenchError
from bench.load_profile import HOST_NAME, Load, Site
from bench.machine import LOADER_CPU, ROOT, Process, free_port
from bench.scrapers import Reply, get, scrape_every

OK = 200
_MAX_START_SECONDS = 120.0


@dataclass(frozen=True)
class Count:
    """The counts of the status server; see bench.server."""

    polls: int
    late: int
    longest: float
    addresses: int


class Server(Process):
    """The status server, with a certificate of its own authority."""

    def __init__(self, folder: Path) -> None:
        self.site = Site(free_port(), free_port(), folder / "ca.pem")
        authority = trustme.CA(key_type=trustme.KeyType.ECDSA)
        authority.cert_pem.write_to_path(self.site.ca)
        certificate = folder / "server.pem"
        issued = authority.issue_cert(HOST_NAME, key_type=trustme.KeyType.ECDSA)
        issued.private_key_and_cert_chain_pem.write_to_path(certificate)
        ports = (str(self.site.port), str(self.site.tls_port))
        command = [sys.executable, "-m", "bench.server", *ports, str(certificate)]
        super().__init__(command, folder / "server.log", LOADER_CPU)
        self.wait_for(lambda: get(self.site.port, "/bench/count").status == OK, "to listen")

    def count(self) -> Count:
        """Return the counts since the last watch."""
        return self._request("/bench/count")

    def watch(self, allowed: float) -> None:
        """Start to count again; a longer pause between two polls of an address is late."""
        self._request(f"/bench/watch?{allowed}")

    def _request(self, path: str) -> Count:
        reply = get(self.site.port, path)
        if not reply.status:
            raise BenchError("the status server does not answer")
        return Count(**json.loads(reply.body))


@dataclass(frozen=True)
class Setting:
    """What a program is started with: the server it polls, its folder, and its load."""

    server: Server
    folder: Path
    load: Load

    def write(self, name: str, text: str) -> str:
        """Write a file into the folder and return its path."""
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return str(path)


class Program(Process):
    """A program that polls the targets of its load."""

    def __init__(
        self,
        name: str,
        command: Iterable[str],
        setting: Setting,
        *,
        port: int = 0,
        folder: Path = ROOT,
    ) -> None:
        self.port = port
        self.server = setting.server
        self.load = setting.load
        self._polls_before = self.server.count().polls
        super().__init__(list(command), setting.folder / f"{name}.log", folder=folder)

    def settle(self) -> None:
        """Wait until every target has been polled twice."""
        wanted = self._polls_before + 2 * self.load.targets
        seconds = 2 * self.load.interval + _MAX_START_SECONDS
        self.wait_for(lambda: self.server.count().polls >= wanted, "to poll all twice", seconds)

    def poll(self, seconds: float) -> None:
        """Let it poll."""
        time.sleep(seconds)

    def poll_and_scrape(self, seconds: float) -> None:
        """Let it poll, and scrape it once an interval."""
        scrape_every(self.port, self.load.interval, seconds)

    def request(self, path: str, accept_encoding: str = "identity") -> Reply:
        """Send it a request."""
        return get(self.port, path, accept_encoding)


def python_of(checkout: Path) -> Path:
    """Return the Python that runs this checkout or another."""
    return Path(sys.executable) if checkout == ROOT else checkout / ".venv/bin/python"


class Exporter(Program):
    """The exporter of a checkout."""

    def __init__(
        self,
        setting: Setting,
        checkout: Path = ROOT,
        module: Sequence[str] = ("exporter",),
        config: str | None = None,
    ) -> None:
        """Start it with the configuration of the load, or another.

        `module` is what runs it, with the arguments before the exporter's.
        """
        text = config or setting.load.config(setting.server.site)
        file = setting.write("config.yaml", text)
        port = free_port()
        command = [str(python_of(checkout)), "-m", *module, "serve", "--config.file", file]
        command += ["--web.listen-address", f"127.0.0.1:{port}", "--log.level", "warn"]
        super().__init__("exporter", command, setting, port=port, folder=checkout)

    def wait_until_listening(self) -> None:
        """Wait until it answers."""
        seconds = _MAX_START_SECONDS
        self.wait_for(lambda: self.request("/-/healthy").status == OK, "to listen", seconds)

    def wait_until_ready(self) -> None:
        """Wait until it has polled every target."""
        self.wait_until_listening()
        seconds = self.load.interval + _MAX_START_SECONDS
        self.wait_for(lambda: self.request("/-/ready").status == OK, "to be ready", seconds)

    def settle(self) -> None:
        """Wait until it has polled every target, with success."""
        self.wait_until_ready()
        self.check_all_up()

    def values(self, metric: str) -> list[float]:
        """Return the value of each series of one of the exporter's own metrics."""
        lines = self.request("/metrics").body.decode().splitlines()
        return [
            float(line.rpartition(" ")[2])
            for line in lines
            if line.startswith((f"{metric}{{", f"{metric} "))
        ]

    def check_all_up(self) -> None:
        """Make sure that polls succeed.

        Raises:
            BenchError: Targets are down, or some of their fields could not be read.
        """
        up = sum(self.values("status_exporter_target_up"))
        clean = self.values("status_exporter_field_faults").count(0)
        if (up, clean) != (self.load.targets, self.load.targets):
            raise BenchError(
                f"of {self.load.targets} targets {up:.0f} are up, {clean} without faults"
            )
