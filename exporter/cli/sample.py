"""`check --sample`: runs a declaration on a saved answer; prints the metrics and every fault."""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from exporter.cli.options import DEFAULT_FILE, Arguments, settings_of
from exporter.cli.words import RED, colour_text, count_text
from exporter.clock import Clock
from exporter.declare.absent import find_absent
from exporter.declare.endpoint import Endpoint
from exporter.declare.extraction import Extraction
from exporter.declare.system import System
from exporter.declare.unmapped import MAX_UNMAPPED, find_unmapped
from exporter.errors import ConfigError, PollError, suggestion
from exporter.http.answer import MAX_BODY, Answer
from exporter.pipeline.read import parse
from exporter.pipeline.snapshot import PollCounts, PollResult, Snapshot, take_snapshot
from exporter.settings import Client, Settings, Target
from exporter.systems import SYSTEMS
from exporter.text import printable
from exporter.toolkit.negotiate import Format
from exporter.toolkit.read_file import read_file
from exporter.web.exposition import expose_targets

_TYPES = {".xml": "application/xml", ".json": "application/json", ".txt": "text/plain"}
# An answer may have hundreds of values that are of no interest.
_MAX_SHOWN = 8


def check_samples(arguments: Arguments) -> int:
    """Run every sample; return 1 if one has a fault."""
    settings = Settings(targets=())
    if arguments.config_file or DEFAULT_FILE.exists():
        settings = settings_of(arguments, needs_targets=False)
    sound = True
    for given in arguments.samples:
        name, equals, path = given.partition("=")
        if not equals:
            raise ConfigError((f"--sample: {given} is not NAME=ANSWER or NAME:/path=ANSWER",))
        name, _, wanted = name.partition(":")
        target = _target(name, settings)
        sound &= _run(target, _endpoint(target.system, wanted), Path(path))
    return 0 if sound else 1


def _target(name: str, settings: Settings) -> Target:
    """Return the target of this name, or an invented one of the system of this name."""
    targets = {target.name: target for target in settings.targets}
    systems = {**SYSTEMS, **settings.systems}
    if name in targets:
        return targets[name]
    if name not in systems:
        known = {*targets, *systems}
        raise ConfigError((f'--sample: no target or system "{name}"; {suggestion(name, known)}',))
    system = systems[name]
    return Target(
        name="sample",
        system=system,
        url="http://127.0.0.1",
        client=Client(name=""),
        params={name: param.default or "" for name, param in system.params.items()},
        interval=15.0,
        timeout=5.0,
        max_age=45.0,
    )


def _endpoint(system: System, wanted: str) -> Endpoint:
    """Return the endpoint with this path, or the first."""
    paths = {endpoint.path: endpoint for endpoint in system.endpoints}
    if wanted and wanted not in paths:
        hint = suggestion(wanted, paths)
        raise ConfigError((f'--sample: {system.name} has no endpoint "{wanted}"; {hint}',))
    return paths[wanted] if wanted else system.endpoints[0]


def _run(target: Target, endpoint: Endpoint, path: Path) -> bool:
    try:
        body = read_file(path, MAX_BODY)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise ConfigError((f"--sample: {path}: {why}",)) from None
    answer = Answer(_TYPES.get(path.suffix.lower(), ""), body, Clock().wall())
    # Conditions on parameters are for polls: the sample is an answer of this very endpoint.
    chosen = {name: values[0] for name, values in (endpoint.when or {}).items()}
    target = replace(target, params={**target.params, **chosen})
    series, faults = 0, list[str]()
    try:
        tree, broken = parse(answer, endpoint)
    except PollError as error:
        _report([f"{path}: {endpoint.path}: {error.reason}: {error.detail}"], is_fault=True)
        return False
    try:
        found = endpoint.extract(tree, target.params, answer.middle, broken)
        snapshot = take_snapshot(target, PollResult(found, 0.0, answer.middle, 0.0), PollCounts())
        series = _print_metrics(target, snapshot)
        faults += _faults(found, target.max_series)
        if snapshot.served.dropped:
            faults.append(f"series beyond the bytes of a target: {snapshot.served.dropped}")
    except PollError as error:
        faults.append(f"{endpoint.path}: {error.reason}: {error.detail}")
    missing = find_absent(tree, endpoint, target.params)
    unused = find_unmapped(tree, endpoint)
    _report((f"{path}: {line}" for line in faults), is_fault=True)
    _report(f"{path}: {line}" for line in (*missing, *_unmapped_lines(unused)))
    counts = (
        f"{series} series",
        count_text(len(faults), "fault"),
        count_text(len(missing), "path that finds nothing", "paths that find nothing"),
        count_text(len(unused), "unmapped value")
        + (" or more" if len(unused) == MAX_UNMAPPED else ""),
    )
    _report([f"{path}: {target.system.name} {endpoint.path}: {', '.join(counts)}"])
    return not faults


def _report(lines: Iterable[str], *, is_fault: bool = False) -> None:
    for line in lines:
        text = printable(line)
        print(colour_text(text, RED, sys.stderr) if is_fault else text, file=sys.stderr)


def _print_metrics(target: Target, snapshot: Snapshot) -> int:
    series = 0
    for piece in expose_targets([(target, snapshot)], Format.TEXT):
        # Without the exporter's metrics about polls: there was none.
        if not piece.startswith(b"# HELP status_exporter_"):
            text = piece.decode()
            series += sum(not line.startswith("#") for line in text.splitlines())
            sys.stdout.write(text)
    return series


def _faults(found: Extraction, max_series: int) -> Iterator[str]:
    for fault in found.faults:
        yield f"{fault.metric}: {fault.message}"
    if found.dropped_items:
        yield f"items of lists beyond their limit: {found.dropped_items}"
    counts = Counter((one.family, one.labels) for one in found.samples)
    for (family, labels), times in counts.items():
        if times > 1:
            written = ",".join(f'{name}="{value}"' for name, value in labels)
            yield f"{family}{{{written}}}: {times} items give this series; only the first counts"
    if len(found.samples) > max_series:
        yield f"series beyond max_series: {len(found.samples) - max_series}"


def _unmapped_lines(places: list[str]) -> Iterator[str]:
    """Yield a line for each object with its unmapped values."""
    groups: dict[str, list[str]] = {}
    for place in places:
        above, _, key = place.rpartition("/") if not place.endswith('"') else ("lines", "", place)
        groups.setdefault(above, []).append(key)
    for above, keys in groups.items():
        shown = ", ".join(keys[:_MAX_SHOWN])
        more = f" and {len(keys) - _MAX_SHOWN} more" if len(keys) > _MAX_SHOWN else ""
        yield f"unmapped in {above or '/'}: {shown}{more}"
