"""What `demo` shows: the simulated servers, and a configuration that polls them."""

import json
import re
import time

from exporter.simulator import clanforge, genesys_ucs, mdworkbench, webitel_login
from exporter.simulator.app import SimulatedServers
from exporter.simulator.pace import Clock

MILLISECONDS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000}
# A poll must end before the next one is due; a simulated server answers at once.
LONGEST_TIMEOUT = 5000


def make_world(clock: Clock = time.time) -> SimulatedServers:
    """Make the servers, one of which fails from time to time; the others are always up."""
    world = SimulatedServers(clock=clock)
    # Systems with a second server, so that all four systems always have values.
    world.webitel_old.outages = True
    return world


def config_text(base_url: str, interval: str = "2s") -> str:
    """Write the configuration as YAML, one target a line under a line that explains it."""
    base = base_url.rstrip("/")
    lines = [
        f"global: {{interval: {interval}, timeout: {_timeout(interval)}}}",
        "clients:",
        f"  ucs: {_basic(genesys_ucs.MONITOR.username, genesys_ucs.MONITOR.password)}",
        f"  webitel: {_login(webitel_login.USER.username, webitel_login.USER.password)}",
        "  webitel-token:",
        "    http_headers:",
        *(
            f"      {name}: {{secrets: [{json.dumps(value)}]}}"
            for name, value in webitel_login.LOGIN.items()
        ),
        f"  mdworkbench: {_basic(mdworkbench.ADMIN.username, mdworkbench.ADMIN.password)}",
        f"  clanforge: {_basic(clanforge.KEYS.username, clanforge.KEYS.password)}",
        "targets:",
        "  # A contact server; 503 while it switches its mode.",
        _target("ucs-ams", "genesys_ucs", f"{base}/cv", "ucs", ", labels: {site: ams}"),
        "  # A telephone system up to release 3.3, which writes sizes and times for people.",
        _target("pbx-old", "webitel", f"{base}/old", "webitel-token"),
        "  # A telephone system since release 3.4, which writes bytes and seconds.",
        _target("pbx-new", "webitel", base, "webitel"),
        "  # A model server with its queue of launches.",
        _target(
            "mdw",
            "mdworkbench",
            f"{base}/mdworkbench",
            "mdworkbench",
            ', params: {launch_queue: "true"}',
        ),
    ]
    for listing in clanforge.FLEET:
        name = f"game-{listing.serverid}"
        params = f', params: {{serverid: "{listing.serverid}"}}'
        lines += [
            f"  # A game server in {listing.country_code}, on profile {listing.profileid}.",
            _target(name, "clanforge", base, "clanforge", params),
        ]
    return "\n".join(lines) + "\n"


def _timeout(interval: str) -> str:
    match = re.fullmatch(r"(\d+)(ms|s|m|h)", interval)
    if match is None or not int(match[1]):
        raise ValueError(f"not an interval such as 500ms or 2s: {interval!r}")
    whole = int(match[1]) * MILLISECONDS[match[2]]
    return f"{min(max(whole * 3 // 4, 1), LONGEST_TIMEOUT)}ms"


def _basic(username: str, password: str) -> str:
    return f"{{basic_auth: {{username: {username}, password: {password}}}}}"


def _login(username: str, password: str) -> str:
    return f"{{login: {{username: {username}, password: {password}}}}}"


def _target(name: str, system: str, url: str, client: str, more: str = "") -> str:
    quoted = json.dumps(url)
    return f"  - {{name: {name}, system: {system}, url: {quoted}, client: {client}{more}}}"
