"""Six hours of ten thousand targets, cloned from the demo's, for a Prometheus that takes them.

Every series of a line of the demo's page is its value with a trend. Variants of a line share their
encoded samples, so that what Prometheus stores is made once and sent for many series.
"""

import math
import re
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from bench.figures import BenchError
from bench.machine import ROOT, free_port

INTERVAL = 15
"""Seconds between two samples: the usual interval of polls."""
EXPORTERS = 4
# Each has its own level and phase. The last one fails from time to time, the one before it is in
# maintenance for a while.
_VARIANTS = 32
_FAILING, _MAINTAINED = _VARIANTS - 1, _VARIANTS - 2
_WINDOW = 120
_TENTH = 20
_SERIES_A_REQUEST = 1500
_JOB = "status-exporter"
# What the demo shows at times only.
_MORE = """
mdworkbench_launch_oldest_waiting_request_timestamp_seconds{target="mdw"} %(now)d
status_exporter_poll_failures_total{target="game-1200345",reason="timeout"} 1
status_exporter_poll_failures_total{target="mdw",reason="connect"} 1
status_exporter_poll_failures_total{target="pbx-new",reason="http_503"} 1
status_exporter_poll_failures_total{target="ucs-ams",reason="http_503"} 1
status_exporter_discovery_targets{discovery="file_sd games"} 1200
status_exporter_discovery_refused_targets{discovery="file_sd games"} 0
status_exporter_discovery_refresh_failures_total{discovery="file_sd games"} 0
status_exporter_discovery_last_refresh_success_timestamp_seconds{discovery="file_sd games"} %(now)d
status_exporter_login_failures_total{client="webitel"} 0
status_exporter_unreadable_fields_total{system="webitel",metric="webitel_process_id"} 0
up 1
scrape_duration_seconds 0.05
scrape_samples_scraped 57000
"""
_CLONED = {"ucs-ams": "ucs", "pbx-new": "pbx", "mdw": "mdw", "game-1200345": "game"}
_CONSTANT = (
    *("_start_time_seconds", "_limit", "_limit_bytes", "_max_bytes", "_total_bytes"),
    *("_max_players", "_targets", "_process_id", "_FOR_STATE"),
)
_IN_SERVICE, _OUT_OF_SERVICE = {"production", "active", "started"}, {"maintenance", "stopped"}


@dataclass(frozen=True)
class Line:
    """One series of the page from which others are cloned."""

    name: str
    labels: Mapping[str, str]
    value: float


def demo_lines() -> list[Line]:
    """Run the demo until all of its targets are up, and return its page.

    Raises:
        BenchError: It did not come up.
    """
    simulator, listen = (f"127.0.0.1:{free_port()}" for _ in range(2))
    flags = ["--simulator.listen-address", simulator, "--web.listen-address", listen]
    command = [sys.executable, "-m", "exporter", "demo", *flags]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as demo:
        try:
            for _ in range(240):
                time.sleep(0.5)
                try:
                    with urllib.request.urlopen(f"http://{listen}/metrics") as answer:
                        page = answer.read().decode()
                except urllib.error.URLError:
                    continue
                if page.count("\nstatus_exporter_target_up{") == len(
                    re.findall(r"^status_exporter_target_up\{.*\} 1$", page, re.MULTILINE)
                ) and all(f'target="{target}"' in page for target in _CLONED):
                    return list(_parsed(page + _MORE % {"now": time.time() - 60}))
        finally:
            demo.terminate()
    raise BenchError("the targets of the demo were not up at once within two minutes")


def _parsed(page: str) -> Iterator[Line]:
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            if sample.labels.get("target", "ucs-ams") in _CLONED:
                yield Line(sample.name, sample.labels, sample.value)


@dataclass(frozen=True)
class Series:
    """A series of a clone: its labels as they are sent, and which samples it has."""

    labels: bytes
    line: Line
    variant: int


def cloned(lines: Sequence[Line], targets: int) -> list[Series]:
    """Clone the lines for so many targets, as many of each kind, and the exporters' own."""
    by_target = {
        name: [one for one in lines if one.labels.get("target") == name] for name in _CLONED
    }
    found = []
    for number in range(targets):
        old, kind = list(_CLONED.items())[number % len(_CLONED)]
        index = number // len(_CLONED)
        variant = index % _VARIANTS
        changed = {"target": f"{kind}-{index:05}", "serverid": f"{1200000 + index}"}
        changed |= {"name": f"#{index}", "profileid": f"{990 + index % 8}"}
        changed |= {"locationid": f"{index // 8 % 6}", "instance": _instance(number % EXPORTERS)}
        found += [
            _series(line, changed, variant)
            for line in by_target[old]
            if line.name != "status_exporter_poll_failures_total" or variant == _FAILING
        ]
        found += [_series(alert, changed, 0) for alert in _alerts(kind, variant)]
    own = [line for line in lines if "target" not in line.labels]
    for number in range(EXPORTERS):
        variant = number * _VARIANTS // EXPORTERS
        found += [_series(line, {"instance": _instance(number)}, variant) for line in own]
    return found


def _alerts(kind: str, variant: int) -> Iterator[Line]:
    system, warning = {
        "ucs": ("genesys_ucs", "UcsClockSkew"),
        "pbx": ("webitel", "FreeswitchSessionSaturation"),
        "mdw": ("mdworkbench", "MdworkbenchQueueGrowing"),
        "game": ("clanforge", "ClanforgeServerQueryFailing"),
    }[kind]
    firing = {
        _FAILING: {"alertname": "StatusTargetDown", "severity": "critical", "system": system},
        _MAINTAINED: {"alertname": warning, "severity": "warning"},
    }
    if variant in firing:
        labels = {**firing[variant], "target": ""}
        yield Line("ALERTS", {**labels, "alertstate": "firing"}, 1)
        yield Line("ALERTS_FOR_STATE", labels, time.time() - 420 * (variant - _MAINTAINED + 1))


def _instance(number: int) -> str:
    return f"exporter-{number}:9877"


def _series(line: Line, changed: Mapping[str, str], variant: int) -> Series:
    labels = {key: changed.get(key, value) for key, value in line.labels.items()}
    labels |= {"__name__": line.name, "job": _JOB, "instance": changed["instance"]}
    return Series(_encoded(labels), line, variant)


def windows(start: int, end: int) -> Iterator[range]:
    """Cut the time into parts: Prometheus takes samples in the order of time, not series by series.

    Each part is the moments of its samples, in seconds.
    """
    for begin in range(start, end, _WINDOW * INTERVAL):
        yield range(begin, min(end, begin + _WINDOW * INTERVAL), INTERVAL)


def write(address: str, series: Sequence[Series], moments: range, end: int) -> int:
    """Send the samples of these moments by remote write; return how many."""
    sent = 0
    encoded: dict[tuple[object, ...], tuple[bytes, int]] = {}
    for first in range(0, len(series), _SERIES_A_REQUEST):
        body = []
        for one in series[first : first + _SERIES_A_REQUEST]:
            key = (one.line.name, *one.line.labels.values(), one.variant)
            if key not in encoded:
                encoded[key] = _samples(one, moments, end)
            samples, count = encoded[key]
            if count:
                body.append(_field(1, one.labels + samples))
                sent += count
        _post(address, b"".join(body))
    return sent


def write_recorded(address: str, rule: Mapping[str, Any], found: Sequence[Any]) -> None:
    """Send what Prometheus' API returned for a recording rule, as the rule would record it."""
    body = []
    for one in found:
        labels = {**one["metric"], **rule.get("labels", {}), "__name__": rule["record"]}
        samples = (_sample(float(value), int(moment) * 1000) for moment, value in one["values"])
        encoded = b"".join(_field(2, sample) for sample in samples)
        body.append(_field(1, _encoded(labels) + encoded))
    if body:
        _post(address, b"".join(body))


def _encoded(labels: Mapping[str, str]) -> bytes:
    return b"".join(
        _field(1, _field(1, key.encode()) + _field(2, value.encode()))
        for key, value in sorted(labels.items())
    )


def _samples(series: Series, moments: range, end: int) -> tuple[bytes, int]:
    line, variant = series.line, series.variant
    there = [
        moment for moment in moments if not _missing(line.name, variant, (end - moment) // INTERVAL)
    ]
    samples = (_sample(_value(line, variant, one, end), one * 1000) for one in there)
    return b"".join(_field(2, sample) for sample in samples), len(there)


def _missing(name: str, variant: int, age: int) -> bool:
    """Return whether a failing target has no such series: it is down a tenth of the time."""
    return variant == _FAILING and _down(age) and not name.startswith(("status_exporter", "up"))


def _down(age: int) -> bool:
    """Return whether failing targets are down, so many samples before the end."""
    return age % 200 < _TENTH


def _value(line: Line, variant: int, moment: int, end: int) -> float:
    """Return the value at a moment: counters rise, times follow the clock, gauges go up and down."""
    name, value, labels = line.name, float(line.value), set(line.labels.values())
    age = (end - moment) // INTERVAL
    if name == "status_exporter_target_up" and variant == _FAILING:
        value = float(not _down(age))
    elif name.endswith(("timestamp_seconds", "system_time_seconds", "_uptime_seconds")):
        # The demo ran after the last sample.
        value += moment - end - variant - 60
        if name.startswith("status_exporter_last") and variant == _FAILING and _down(age):
            value -= (_TENTH - age % 200) * INTERVAL
    elif name.endswith(("_total", "_bucket", "_count", "_sum")):
        # What the demo counted most counts once a second in the busiest; what it has at 0 stays there.
        most = 100 if name.startswith(("status_exporter", "process")) else 1000
        pace = (variant + 1) / _VARIANTS * min(value, most) / most
        if name == "status_exporter_polls_total":
            pace = 1 / INTERVAL
        value += 1e6 + math.floor((moment - end) * pace)
    elif variant == _MAINTAINED and labels & (_IN_SERVICE | _OUT_OF_SERVICE):
        in_maintenance = age % 300 < 3 * _TENTH
        value = float(in_maintenance == bool(labels & _OUT_OF_SERVICE))
    elif name == "clanforge_server_allocated":
        value = float(variant % 3 > 0)
    elif value not in {0, 1} and not name.endswith(_CONSTANT):
        level = value * (0.75 + variant / _VARIANTS / 4 + 0.1 * math.sin(moment / 1800 + variant))
        value = round(level) if value.is_integer() else level
    return value


def _sample(value: float, milliseconds: int) -> bytes:
    return b"\x09" + struct.pack("<d", value) + b"\x10" + _varint(milliseconds)


def _field(number: int, content: bytes) -> bytes:
    """Write a field of a protocol buffer that has a length."""
    return bytes([number << 3 | 2]) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    written = bytearray()
    while value >> 7:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)


def _post(address: str, body: bytes) -> None:
    # Snappy without compression: one literal.
    packed = _varint(len(body)) + b"\xfc" + struct.pack("<I", len(body) - 1) + body
    headers = {"Content-Encoding": "snappy", "Content-Type": "application/x-protobuf"}
    url = f"http://{address}/api/v1/write"
    request = urllib.request.Request(url, packed, headers)
    try:
        urllib.request.urlopen(request).close()  # noqa: S310 - http, on loopback
    except urllib.error.HTTPError as error:
        raise BenchError(f"remote write: {error.code} {error.read()[:300]!r}") from error
