"""Targets go in; the list for Prometheus' HTTP service discovery comes out.

Each target is a group of its own that sends Prometheus to `/probe`, so that no relabelling is
needed. Whatever the group's labels say the series of that probe leave out (`labels=sd`): Prometheus
would rename theirs to `exported_...`.
"""

import json
import re
from collections.abc import Iterator, Sequence

from aiohttp import web

from exporter.duration import duration_text
from exporter.settings import Target

PROBE_PATH = "/probe"

_HOST = re.compile(r"(?:[A-Za-z0-9_.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?", re.ASCII)
# A group costs some microseconds; ten thousand in one go would hold up the polls.
_GROUPS_A_PIECE = 250


def asked_by(request: web.Request) -> str:
    """Return the host and port by which the request came here, as it may go into the list."""
    hosts = request.headers.getall("Host", [])
    if len(hosts) == 1 and _HOST.fullmatch(hosts[0]):
        return hosts[0]
    # Nobody else's words get into the list.
    name = request.transport.get_extra_info("sockname") if request.transport else None
    if not isinstance(name, tuple):
        return "localhost"
    host, port = name[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def list_groups(targets: Sequence[Target], address: str, *, secure: bool) -> Iterator[bytes]:
    """Yield the list, piece by piece; it is JSON once it is whole."""
    mark = "["
    for start in range(0, len(targets), _GROUPS_A_PIECE):
        piece = targets[start : start + _GROUPS_A_PIECE]
        groups = ",\n".join(json.dumps(_group(one, address, secure=secure)) for one in piece)
        yield f"{mark}{groups}".encode()
        mark = ",\n"
    yield b"]\n" if targets else b"[]\n"


def _group(target: Target, address: str, *, secure: bool) -> dict[str, object]:
    labels = {
        "__metrics_path__": PROBE_PATH,
        "__param_target": target.name,
        "__param_labels": "sd",
        "__meta_status_exporter_system": target.system.name,
        "instance": target.name,
        "target": target.name,
        **target.labels,
    }
    if not target.on_probe:
        # It has an interval of its own; probes are content with what /metrics would show.
        labels["__param_max_age"] = duration_text(target.max_age)
    if secure:
        labels["__scheme__"] = "https"  # Otherwise the scrape configuration has the say.
    return {"targets": [address], "labels": labels}
