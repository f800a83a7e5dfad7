"""`check --sample`: runs a declaration on a saved answer; prints the metrics and every fault."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from exporter.cli.options import DEFAULT_FILE, Arguments, settings_of
from exporter.clock import Clock
from exporter.errors import ConfigError, PollError, suggestion
from exporter.poll.answer import MAX_BODY, Answer
from exporter.poll.extract import Reading, extract
from exporter.poll.parse import parse
from exporter.poll.snapshot import Poll, Renderer, Tally
from exporter.poll.untaken import untaken
from exporter.secret import read_file
from exporter.settings import Client, Settings, Target
from exporter.spec import Endpoint, System
from exporter.systems import SYSTEMS
from exporter.web.exposition import expose_targets
from exporter.web.negotiate import Format

_TYPES = {".xml": "application/xml", ".json": "application/json"}


def check_samples(arguments: Arguments) -> int:
    """Run every sample; 1 where one has a fault."""
    settings = Settings(targets=())
    if arguments.config_file or DEFAULT_FILE.exists():
        settings = settings_of(arguments)
    sound = True
    for given in arguments.samples:
        name, equals, path = given.partition("=")
        if not equals:
            raise ConfigError((f"--sample: {given} is not NAME=ANSWER",))
        sound &= _run(_target(name, settings), Path(path))
    return 0 if sound else 1


def _target(name: str, settings: Settings) -> Target:
    """Return the target of the name, or one of the system of the name."""
    targets = {target.name: target for target in settings.targets}
    systems = {**SYSTEMS, **settings.systems}
    if name in targets:
        return targets[name]
    if name not in systems:
        known = {*targets, *systems}
        raise ConfigError((f'--sample: no target or system "{name}"; {suggestion(name, known)}',))
    return _example(systems[name])


def _example(system: System) -> Target:
    params = {param.name: param.default or "" for param in system.params}
    return Target(
        name="sample",
        system=system,
        url="http://127.0.0.1",
        client=Client(name=""),
        params=params,
        interval=15.0,
        timeout=5.0,
        max_age=45.0,
    )


def _run(target: Target, path: Path) -> bool:
    try:
        body = read_file(path, MAX_BODY)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise ConfigError((f"--sample: {path}: {why}",)) from None
    answer = Answer(_TYPES.get(path.suffix.lower(), ""), body, Clock().wall())
    errors = []
    for endpoint in target.system.endpoints:
        # A condition on a parameter is for polls; here every endpoint may be what was saved.
        params = {**target.params, **dict([endpoint.when] if endpoint.when else [])}
        try:
            complaints = _show(replace(target, params=params), endpoint, answer, path)
        except PollError as error:
            errors.append(f"{path}: {endpoint.path}: {error.reason}: {error.detail}")
        else:
            return not complaints
    print("\n".join(errors), file=sys.stderr)
    return False


def _show(target: Target, endpoint: Endpoint, answer: Answer, path: Path) -> int:
    """Print what the answer gives, and return how much of it is wrong."""
    tree = parse(answer, endpoint)
    reading = extract(tree, endpoint, target.params, answer.middle)
    snapshot = Renderer(target).render(Poll(reading, 0.0, answer.middle, 0.0), Tally())
    for piece in expose_targets([(target, snapshot)], Format.TEXT):
        # What the exporter would say of a poll is not told: there was none.
        if not piece.startswith(b"# HELP status_exporter_"):
            sys.stdout.write(piece.decode())
    complaints = [*_complaints(reading, snapshot.duplicates, target.max_series)]
    places = (f"{place}: no field takes this" for place in untaken(tree, endpoint))
    for told in (*complaints, *places):
        print(f"{path}: {told}", file=sys.stderr)
    return len(complaints)


def _complaints(reading: Reading, duplicates: int, max_series: int) -> Iterator[str]:
    for fault in reading.faults:
        yield f"{fault.metric}: {fault.message}"
    if reading.dropped_items:
        yield f"items of lists beyond what is taken of them: {reading.dropped_items}"
    if duplicates:
        yield f"series that are given more than once: {duplicates}"
    if len(reading.samples) > max_series:
        yield f"series beyond max_series: {len(reading.samples) - max_series}"
