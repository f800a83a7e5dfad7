"""The programs that the exporter is compared with: whether they are installed, and how they start."""

import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

from bench.figures import BenchError
from bench.machine import ROOT, free_port
from bench.programs import Program, Setting
from bench.scrapers import get, probe_every


class Collectd(Program):
    """collectd with curl_json, and nothing that writes the values anywhere.

    Its write_prometheus does not serve a thousand URLs: their files have numbers above 1,024. With
    ten values of 667 polls a second it takes a whole core, and its queue grows.
    """

    def __init__(self, path: str, setting: Setting) -> None:
        config = setting.write("collectd.conf", _collectd_config(setting))
        super().__init__("collectd", [path, "-f", "-C", config], setting)


def _collectd_config(setting: Setting) -> str:
    keys = "".join(f'<Key "{key}">\nType "gauge"\n</Key>\n' for key in setting.load.answer.keys)
    site = setting.server.site
    # The certificate has one name, and each target an address, so the name is not compared.
    tls = f'CACert "{site.ca}"\nVerifyHost false\n' if setting.load.tls else ""
    urls = "".join(
        f'<URL "{url}">\nInstance "target-{number}"\n{tls}{keys}</URL>\n'
        for number, url in enumerate(setting.load.urls(site))
    )
    # Without the chain it logs for each value that nothing writes it, which costs CPU as well.
    return f"""\
Hostname "bench"
FQDNLookup false
BaseDir "{setting.folder}"
PIDFile "{setting.folder}/collectd.pid"
Interval {setting.load.interval:g}
PostCacheChain "dropped"
<Chain "dropped">
Target "stop"
</Chain>
LoadPlugin curl_json
<Plugin curl_json>
{urls}</Plugin>
"""


class Telegraf(Program):
    """telegraf with inputs.http and json_v2, served by outputs.prometheus_client."""

    def __init__(self, path: str, setting: Setting) -> None:
        port = free_port()
        config = setting.write("telegraf.conf", _telegraf_config(setting, port))
        super().__init__("telegraf", [path, "--config", config], setting, port=port)

    def settle(self) -> None:
        """Wait until the page has all values of all targets."""
        super().settle()
        name = f"http_{self.load.answer.keys[-1]}".encode()

        def complete() -> bool:
            lines = self.request("/metrics").body.splitlines()
            return sum(line.startswith(name + b"{") for line in lines) == self.load.targets

        self.wait_for(complete, "to show all targets", 10 + 3 * self.load.interval)


def _telegraf_config(setting: Setting, port: int) -> str:
    urls = ",\n".join(f'"{url}"' for url in setting.load.urls(setting.server.site))
    fields = "".join(
        f'[[inputs.http.json_v2.field]]\npath = "{key}"\ntype = "int"\n'
        for key in setting.load.answer.keys
    )
    interval = f"{setting.load.interval:g}s"
    return f"""\
[agent]
interval = "{interval}"
flush_interval = "{interval}"
metric_buffer_limit = {10 * setting.load.targets}
omit_hostname = true
[[outputs.prometheus_client]]
listen = "127.0.0.1:{port}"
collectors_exclude = ["gocollector", "process"]
[[inputs.http]]
data_format = "json_v2"
urls = [
{urls}
]
[[inputs.http.json_v2]]
{fields}"""


class Prober(Program):
    """An exporter that probes one target for each request."""

    def __init__(self, name: str, path: str, modules: str, setting: Setting) -> None:
        port = free_port()
        config = setting.write(f"{name}.yaml", modules)
        options = (f"--config.file={config}", "--log.level=error")
        listen = f"--web.listen-address=127.0.0.1:{port}"
        super().__init__(name, [path, *options, listen], setting, port=port)
        urls = self.load.urls(self.server.site)
        self._paths = [f"/probe?module=bench&target={quote(url, safe='')}" for url in urls]

    def settle(self) -> None:
        """Wait until it answers, and let it probe for a second."""
        self.wait_for(lambda: get(self.port, "/").status != 0, "to listen")
        self.poll_and_scrape(1.0)

    def poll_and_scrape(self, seconds: float) -> None:
        """Probe each target once an interval.

        Raises:
            BenchError: Probes failed.
        """
        failed = probe_every(self.port, self._paths, self.load.interval, seconds)
        if failed:
            raise BenchError(f"{failed} probes failed")


def _blackbox(path: str, setting: Setting) -> Prober:
    module = "{prober: http, timeout: 5s, http: {preferred_ip_protocol: ip4}}"
    return Prober("blackbox_exporter", path, f"modules: {{bench: {module}}}\n", setting)


def _json_exporter(path: str, setting: Setting) -> Prober:
    metrics = "".join(
        f"    - {{name: value_{number}, help: {key}, path: '{{ .{key.replace('/', '.')} }}'}}\n"
        for number, key in enumerate(setting.load.answer.keys)
    )
    return Prober("json_exporter", path, f"modules:\n  bench:\n    metrics:\n{metrics}", setting)


@dataclass(frozen=True)
class Peer:
    """A program: its names, how to get it, its version, how to start it."""

    programs: tuple[str, ...]
    install: str
    version: tuple[str, str]
    """The flag that prints the version, and a pattern whose group is the version."""
    start: Callable[[str, Setting], Program]

    def path(self) -> str | None:
        """Return the program's path: on PATH, where Debian has its daemons, or in .tools/."""
        folders = ":".join(["/usr/local/sbin:/usr/sbin:/sbin", *_TOOLS])
        for program in self.programs:
            if path := shutil.which(program) or shutil.which(program, path=folders):
                return path
        return None

    def describe(self) -> str:
        """Return the version, or how to install the program."""
        path = self.path()
        if path is None:
            return f"not installed, so its rows are left out: {self.install}"
        flag, pattern = self.version
        done = subprocess.run([path, flag], capture_output=True, text=True, check=False, timeout=10)
        found = re.search(pattern, done.stdout + done.stderr)
        return found[1] if found else "unknown"


_TOOLS = [str(folder) for folder in (ROOT / ".tools").glob("*") if folder.is_dir()]
_BUILD = "no Debian package; bench/README.md says how to build it"

PEERS = {
    "collectd": Peer(
        ("collectd",),
        "apt install collectd-core libyajl2",
        ("-h", r"collectd (\d[\w.]*)"),
        Collectd,
    ),
    "blackbox_exporter": Peer(
        ("prometheus-blackbox-exporter", "blackbox_exporter"),
        "apt install prometheus-blackbox-exporter",
        ("--version", r"version (\d[\w.]*)"),
        _blackbox,
    ),
    "json_exporter": Peer(
        ("json_exporter",), _BUILD, ("--version", r"version (\d[\w.]*)"), _json_exporter
    ),
    "telegraf": Peer(("telegraf",), _BUILD, ("--version", r"Telegraf (\d[\w.]*)"), Telegraf),
}
