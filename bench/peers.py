"""The programs the exporter is compared with: found, told what to poll, started."""

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from bench.bodies import TEN_KEYS, UCS_KEYS
from bench.client import get
from bench.machine import Process, free_port
from bench.subject import Load

_INSTALL = {
    "collectd": "apt install collectd-core",
    "prometheus-blackbox-exporter": "apt install prometheus-blackbox-exporter",
    "json_exporter": (
        "go install github.com/prometheus-community/json_exporter@latest, and put it on PATH"
    ),
}
_VERSION = {
    "collectd": ("-h", r"collectd (\d[\w.]*)"),
    "prometheus-blackbox-exporter": ("--version", r"version (\d[\w.]*)"),
    "json_exporter": ("--version", r"version (\S+)"),
}


def find(name: str) -> str | None:
    """Return where the program is; Debian's daemons are not on everyone's PATH."""
    return shutil.which(name) or shutil.which(name, path="/usr/local/sbin:/usr/sbin:/sbin")


def versions() -> dict[str, str]:
    """Return the version of each peer, or how to install it."""
    return {name: _version(name) for name in _INSTALL}


def _version(name: str) -> str:
    path = find(name)
    if path is None:
        return f"not installed, so its rows are left out: {_INSTALL[name]}"
    flag, pattern = _VERSION[name]
    done = subprocess.run([path, flag], capture_output=True, text=True, check=False, timeout=10)
    found = re.search(pattern, done.stdout + done.stderr)
    return found[1] if found else "unknown"


class Collectd(Process):
    """collectd with curl_json and nothing that writes the values anywhere.

    Its write_prometheus refuses to serve so many URLs, since their files have numbers above 1,024,
    and with ten values of 667 polls a second it takes a whole core and falls behind all the same.
    """

    def __init__(self, path: str, folder: Path, load: Load, server_port: int) -> None:
        keys = {"ten": TEN_KEYS, "ucs": UCS_KEYS}[load.kind]
        config = folder / "collectd.conf"
        config.write_text(_collectd_config(folder, load, server_port, keys))
        super().__init__([path, "-f", "-C", str(config)], folder / "collectd.log")


def _collectd_config(folder: Path, load: Load, server_port: int, keys: Sequence[str]) -> str:
    # Without the chain it would complain of each value that nothing writes it, which costs too.
    keys_text = "".join(f'<Key "{key}">\nType "gauge"\n</Key>\n' for key in keys)
    urls = "".join(
        f'<URL "{load.url(number, server_port)}">\nInstance "target-{number}"\n{keys_text}</URL>\n'
        for number in range(load.targets)
    )
    return f"""\
Hostname "bench"
FQDNLookup false
BaseDir "{folder}"
PIDFile "{folder}/collectd.pid"
Interval {load.interval:g}
PostCacheChain "dropped"
<Chain "dropped">
Target "stop"
</Chain>
LoadPlugin curl_json
<Plugin curl_json>
{urls}</Plugin>
"""


class Prober(Process):
    """An exporter that probes one target for each scrape."""

    def __init__(self, command: list[str], log: Path, module: str) -> None:
        self.port = free_port()
        self._module = module
        super().__init__([*command, f"--web.listen-address=127.0.0.1:{self.port}"], log)

    def wait_until_listening(self) -> None:
        """Wait until it answers."""
        self.wait_for(lambda: get(self.port, "/").status != 0, "to listen")

    def paths(self, load: Load, server_port: int) -> list[str]:
        """Return what to ask it for to have each target probed."""
        urls = (load.url(number, server_port) for number in range(load.targets))
        return [f"/probe?module={self._module}&target={quote(url, safe='')}" for url in urls]


def blackbox(path: str, folder: Path) -> Prober:
    """Start blackbox_exporter with its plainest HTTP probe."""
    config = folder / "blackbox.yaml"
    config.write_text(
        "modules: {bench: {prober: http, timeout: 5s, http: {preferred_ip_protocol: ip4}}}\n"
    )
    command = [path, f"--config.file={config}", "--log.level=error"]
    return Prober(command, folder / "blackbox.log", "bench")


def json_exporter(path: str, folder: Path) -> Prober:
    """Start json_exporter reading the ten numbers."""
    config = folder / "json_exporter.yaml"
    metrics = "".join(
        f"    - {{name: value_{number}, help: {key}, path: '{{ .{key.replace('/', '.')} }}'}}\n"
        for number, key in enumerate(TEN_KEYS)
    )
    config.write_text(f"modules:\n  bench:\n    metrics:\n{metrics}")
    command = [path, f"--config.file={config}", "--log.level=error"]
    return Prober(command, folder / "json_exporter.log", "bench")
