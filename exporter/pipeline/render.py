"""Snapshots become the lines of the metrics page, family by family.

Text 0.0.4 and OpenMetrics 1.0 write samples alike, so the lines serve both.
"""

from collections.abc import Iterable
from functools import lru_cache

from exporter.declare.extraction import Labels
from exporter.declare.family import Family, Kind
from exporter.declare.system import System
from exporter.pipeline.snapshot import Snapshot
from exporter.settings import Target

Row = tuple[str, Snapshot]
"""The common labels of a target's series, see `base_labels`, and its snapshot."""


def _own(name: str, kind: Kind, help_text: str, *labels: str) -> Family:
    return Family(name=name, kind=kind, help=help_text, labels=labels, source="", reading="")


TARGET_FAMILIES = (
    _own(
        "status_exporter_target_up",
        "gauge",
        "Whether the last poll of the target worked.",
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
        "When the last poll that worked ended, in Unix seconds; absent until there was one.",
    ),
    _own(
        "status_exporter_field_faults",
        "gauge",
        "Fields of the last answer that were there and could not be read.",
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


def changed_families(old: Snapshot | None, new: Snapshot, system: System) -> set[int]:
    """Return the numbers of the families, TARGET_FAMILIES last, whose lines are not the same."""
    own = len(system.families)
    if old is None or old.up != new.up or old.served is not new.served:
        return set(range(own + len(TARGET_FAMILIES)))
    changed = {own + _DURATION, own + _POLLS, own + _SUCCESS}
    if old.values != new.values:
        pairs = zip(new.served.layout.places, old.values, new.values, strict=True)
        changed.update([place for place, before, after in pairs if before != after])
    if old.tally.failures is not new.tally.failures:
        changed.add(own + _FAILURES)
    if old.unmapped != new.unmapped:
        changed.add(own + _UNMAPPED)
    if len(old.faults) != len(new.faults):
        changed.add(own + _FAULTS)
    return changed


def render_family(place: int, system: System, rows: Iterable[Row]) -> bytes:
    """Return the lines of one family of several targets of a system.

    `place` is the number of the family among those of the system, TARGET_FAMILIES last.
    """
    own = place - len(system.families)
    if own >= 0:
        return "".join([_own_lines(own, base, one, system) for base, one in rows]).encode()
    name = system.families[place].name
    lines: list[str] = []
    for base, (_, _, served, values, _) in rows:
        for at in served.layout.by_family.get(place, ()):
            labels = served.series[at][1]
            suffix = _suffix(labels) if labels else ""
            text = value_text(values[at])
            # Inline where it is done a million times.
            lines.append(
                f"{name}{{{base}{suffix}}} {text}\n" if base else _line(name, base, suffix, text)
            )
    return "".join(lines).encode()


def _line(name: str, base: str, suffix: str, text: str) -> str:
    labels = base + suffix if base else suffix[1:]
    return f"{name}{{{labels}}} {text}\n" if labels else f"{name} {text}\n"


def _own_lines(own: int, base: str, snapshot: Snapshot, system: System) -> str:
    name, (poll, tally) = TARGET_FAMILIES[own].name, snapshot[:2]
    if own == _UP:
        return _line(name, base, f',system="{system.name}"', f"{snapshot.up:d}")
    if own == _FAILURES:
        counts = tally.failures.items()
        return "".join(_line(name, base, f',reason="{reason}"', f"{n}") for reason, n in counts)
    value: float | None = tally.polls
    if own == _DURATION:
        value = round(poll.duration, 6)
    elif own == _SUCCESS:
        value = tally.last_success and round(tally.last_success, 3)
    elif own == _FAULTS:
        value = len(snapshot.faults) if snapshot.up else None
    elif own == _UNMAPPED:
        value = snapshot.unmapped
    return "" if value is None else _line(name, base, "", value_text(value))


@lru_cache(maxsize=4096)
def _suffix(labels: Labels) -> str:
    return "".join(f',{name}="{escaped(value)}"' for name, value in labels)


def base_labels(target: Target) -> str:
    """Return the labels that all series of the target begin with."""
    base = (("target", target.name), *target.labels.items())
    return ",".join(f'{name}="{escaped(value)}"' for name, value in base)


def escaped(value: str) -> str:
    r"""Escape a label value: \, " and line feed, as both formats do."""
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def value_text(value: float) -> str:
    """Write a number: whole ones without a point, others in the shortest form that reads back."""
    # Above 2^53 a float has no digits for the units, and to write them would pretend to.
    if -_EXACT < value < _EXACT and value == (whole := int(value)):
        return str(whole)
    return repr(float(value))
