"""The list of targets for Prometheus' HTTP service discovery.

Each target is a group of its own that sends Prometheus to `/probe`, so that no relabelling is
needed. Whatever the group's labels say the series of that probe leave out (`labels=sd`): Prometheus
would rename theirs to `exported_...`.
"""

import json
import re
from collections.abc import Iterator, Sequence

from aiohttp import web

from exporter.duration import duration_text
from exporter.runtime.target_state import NOWHERE, TargetChanges, TargetState
from exporter.runtime.targets import Targets
from exporter.settings import Target

PROBE_PATH = "/probe"

_HOST = re.compile(r"(?:[A-Za-z0-9_.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?", re.ASCII)
# Ten thousand groups in one go would hold up the polls, where they are rendered for the first time.
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


class SdGroups:
    """The groups of the targets; what they hold is rendered once for each target."""

    def __init__(self, targets: Targets) -> None:
        self._rendered: dict[TargetState, bytes] = {}
        targets.subscribe(self._forget)

    def _forget(self, change: TargetChanges) -> None:
        for tracked in change.removed:
            self._rendered.pop(tracked, None)

    def listed(
        self, targets: Sequence[TargetState], address: str, *, secure: bool
    ) -> Iterator[bytes]:
        """Yield the list, piece by piece; it is JSON once it is whole."""
        if not targets:
            yield b"[]\n"
            return
        # Without TLS the scrape configuration decides.
        scheme = '"__scheme__": "https", ' if secure else ""
        begin = f'{{"targets": [{json.dumps(address)}], "labels": {{{scheme}'.encode()
        between = b",\n" + begin
        mark = b"[" + begin
        for start in range(0, len(targets), _GROUPS_A_PIECE):
            yield mark + between.join(map(self._labels, targets[start : start + _GROUPS_A_PIECE]))
            mark = between
        yield b"]\n"

    def _labels(self, tracked: TargetState) -> bytes:
        """Return the labels of a target as JSON, without the first brace, and the end of its group."""
        rendered = self._rendered.get(tracked)
        if rendered is None:
            rendered = f"{json.dumps(_labels_of(tracked.target))[1:]}}}".encode()
            if tracked.number != NOWHERE:  # Else it would never be forgotten.
                self._rendered[tracked] = rendered
        return rendered


def _labels_of(target: Target) -> dict[str, str]:
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
    return labels
