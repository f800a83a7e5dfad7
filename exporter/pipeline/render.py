"""Snapshots become the lines of the metrics page, family by family.

Text 0.0.4 and OpenMetrics 1.0 write samples alike, so the lines serve both.
"""

from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter

from exporter.declare.family import Family, Kind
from exporter.declare.system import System
from exporter.pipeline.snapshot import Layout, Snapshot, escaped
from exporter.settings import Target

Row = tuple[str, Snapshot]
"""The common labels of a target's series, see `base_labels`, and its snapshot."""

Change = tuple[Snapshot | None, Snapshot]
"""The snapshot of a target that was rendered last, if there was one, and the present one."""


def _own(name: str, kind: Kind, help_text: str, *labels: str) -> Family:
    return Family(name=name, kind=kind, help=help_text, labels=labels, source="", reading="")


TARGET_FAMILIES = (
    _own(
        "status_exporter_target_up",
        "gauge",
        "Whether the last poll of the target succeeded.",
        "system",
    ),
    _own("status_exporter_poll_duration_seconds", "gauge", "How long the last poll took."),
    _own(
        "status_exporter_polls_total", "counter", "Polls of the target since the exporter started."
    ),
    _own(
        "status_exporter_poll_failures_total",
        "counter",
        "Polls that failed, by reason; a reason that never occurred has no series.",
        "reason",
    ),
    _own(
        "status_exporter_last_success_timestamp_seconds",
        "gauge",
        "When the last successful poll ended, in Unix seconds; absent before the first one.",
    ),
    _own(
        "status_exporter_field_faults",
        "gauge",
        "Fields of the last answer that were present and could not be read.",
    ),
    _own(
        "status_exporter_untaken_fields",
        "gauge",
        "Values of the answer that no field maps; if it rises, the vendor changed something."
        " Counted with the first good poll and every 240th.",
    ),
)
"""What the exporter says of each target; on the page after the families of its system."""

_UP, _DURATION, _POLLS, _FAILURES, _SUCCESS, _FAULTS, _UNMAPPED = range(len(TARGET_FAMILIES))
_EXACT = 2.0**53


def changed_families(changes: Sequence[Change], system: System) -> set[int]:
    """Return the numbers of the families, TARGET_FAMILIES last, of which a line is not the same."""
    own = len(system.families)
    values: list[tuple[Layout, tuple[float, ...], tuple[float, ...]]] = []
    changed = {own + _DURATION, own + _POLLS, own + _SUCCESS}
    for old, new in changes:
        if old is None or old.served is not new.served or old.up != new.up:
            return set(range(own + len(TARGET_FAMILIES)))
        values.append((new.served.layout, old.values, new.values))
        if old.tally.failures is not new.tally.failures:
            changed.add(own + _FAILURES)
        if old.unmapped != new.unmapped:
            changed.add(own + _UNMAPPED)
        if len(old.faults) != len(new.faults):
            changed.add(own + _FAULTS)
    return changed | _changed_values(values)


def _changed_values(
    values: Sequence[tuple[Layout, tuple[float, ...], tuple[float, ...]]],
) -> set[int]:
    """Return the numbers of the families of which a value is another one."""
    changed: set[int] = set()
    for layout, of_layout in groupby(values, key=itemgetter(0)):
        # By series: to compare those of many targets at a time takes a third of the time.
        _, old, new = zip(*of_layout, strict=True)
        columns = zip(layout.places, zip(*old, strict=True), zip(*new, strict=True), strict=True)
        changed.update([place for place, before, after in columns if before != after])
    return changed


def render_family(place: int, system: System, rows: Sequence[Row]) -> bytes:
    """Return the lines of one family of several targets of a system.

    `place` is the number of the family among those of the system, TARGET_FAMILIES last.
    """
    own = place - len(system.families)
    if own >= 0:
        name, write = TARGET_FAMILIES[own].name, _OWN_LINES[own]
        return "".join([write(name, base, snapshot, system) for base, snapshot in rows]).encode()
    name = system.families[place].name
    # One list comprehension: this is done for ten thousand targets at a time.
    return "".join(
        [
            f"{name}{{{base}{served.suffixes[at]}}} {value_text(values[at])}\n"
            if base
            else _line(name, base, served.suffixes[at], value_text(values[at]))
            for base, (_, _, served, values, _) in rows
            for at in served.layout.by_family.get(place, ())
        ]
    ).encode()


def _line(name: str, base: str, suffix: str, text: str) -> str:
    labels = base + suffix if base else suffix[1:]
    return f"{name}{{{labels}}} {text}\n" if labels else f"{name} {text}\n"


def _up(name: str, base: str, snapshot: Snapshot, system: System) -> str:
    return _line(name, base, f',system="{system.name}"', f"{snapshot.up:d}")


def _duration(name: str, base: str, snapshot: Snapshot, _: System) -> str:
    return _line(name, base, "", value_text(round(snapshot.poll.duration, 6)))


def _polls(name: str, base: str, snapshot: Snapshot, _: System) -> str:
    return _line(name, base, "", f"{snapshot.tally.polls}")


def _failures(name: str, base: str, snapshot: Snapshot, _: System) -> str:
    counts = snapshot.tally.failures.items()
    return "".join([_line(name, base, f',reason="{reason}"', f"{n}") for reason, n in counts])


def _success(name: str, base: str, snapshot: Snapshot, _: System) -> str:
    success = snapshot.tally.last_success
    return "" if success is None else _line(name, base, "", value_text(round(success, 3)))


def _faults(name: str, base: str, snapshot: Snapshot, _: System) -> str:
    return _line(name, base, "", f"{len(snapshot.faults)}") if snapshot.up else ""


def _unmapped(name: str, base: str, snapshot: Snapshot, _: System) -> str:
    count = snapshot.unmapped
    return "" if count is None else _line(name, base, "", f"{count}")


_OWN_LINES = (_up, _duration, _polls, _failures, _success, _faults, _unmapped)
"""What writes the lines of each of TARGET_FAMILIES."""


def base_labels(target: Target) -> str:
    """Return the labels that all series of the target begin with."""
    base = (("target", target.name), *target.labels.items())
    return ",".join(f'{name}="{escaped(value)}"' for name, value in base)


def value_text(value: float) -> str:
    """Write a number: whole ones without a point, others in the shortest form that reads back."""
    text = repr(value + 0.0)  # Without the sign of -0.0.
    # Above 2^53 a float has no digits for the units, and to write them would pretend to.
    return text[:-2] if text[-2:] == ".0" and -_EXACT < value < _EXACT else text
