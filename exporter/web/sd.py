"""The list of targets for Prometheus' HTTP service discovery.

Each target is a group whose labels make Prometheus scrape `/probe`, so that no relabelling is
needed. The series of that probe omit the labels of the group (`labels=sd`): Prometheus would rename
them to `exported_...`.
"""

import json
import re
from collections.abc import Collection, Iterator, Sequence

from aiohttp import web

from exporter.duration import duration_text
from exporter.runtime.target_state import NOWHERE, TargetChanges, TargetState
from exporter.runtime.targets import Targets
from exporter.settings import Target
from exporter.toolkit.sockets import authority

PROBE_PATH = "/probe"

_HOST = re.compile(r"(?:[A-Za-z0-9_.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?", re.ASCII)
# Rendering ten thousand groups at once for the first time would delay polls.
_GROUPS_PER_CHUNK = 250


def requested_address(request: web.Request) -> str:
    """Return the host and port that the client used, if it is well-formed; else the local address."""
    hosts = request.headers.getall("Host", [])
    if len(hosts) == 1 and _HOST.fullmatch(hosts[0]):
        return hosts[0]
    name = request.transport.get_extra_info("sockname") if request.transport else None
    if not isinstance(name, tuple):
        return "localhost"
    return authority(*name[:2])


class SdGroups:
    """The groups of the targets; each is rendered once."""

    def __init__(self, targets: Targets) -> None:
        self._rendered: dict[TargetState, bytes] = {}
        targets.subscribe(self._forget)

    def _forget(self, change: TargetChanges) -> None:
        for tracked in change.removed:
            self._rendered.pop(tracked, None)

    def render(
        self,
        targets: Sequence[TargetState],
        address: str,
        *,
        secure: bool,
        systems: Collection[str] = (),
    ) -> Iterator[bytes]:
        """Yield the chunks of one JSON document: the groups of the targets, reached by the address.

        Without `systems`, it has those of every system. Chunks may be empty.
        """
        # Without TLS, the scrape configuration sets the scheme: a proxy may add TLS.
        scheme = '"__scheme__": "https", ' if secure else ""
        begin = f'{{"targets": [{json.dumps(address)}], "labels": {{{scheme}'.encode()
        separator = b",\n" + begin
        before = b"[" + begin
        for start in range(0, len(targets), _GROUPS_PER_CHUNK):
            some: Sequence[TargetState] = targets[start : start + _GROUPS_PER_CHUNK]
            if systems:
                some = [one for one in some if one.target.system.name in systems]
            chunk = separator.join(map(self._rendered_labels, some))
            yield before + chunk if chunk else b""
            before = separator if chunk else before
        yield b"]\n" if before is separator else b"[]\n"

    def _rendered_labels(self, tracked: TargetState) -> bytes:
        """Return the labels of a target as JSON, without the opening brace, and the end of its group."""
        rendered = self._rendered.get(tracked)
        if rendered is None:
            rendered = f"{json.dumps(_labels_of(tracked.target))[1:]}}}".encode()
            if tracked.number != NOWHERE:  # A removed target would never be dropped from the cache.
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
        # The exporter polls it; a probe serves the same values as /metrics.
        labels["__param_max_age"] = duration_text(target.max_age)
    return labels
