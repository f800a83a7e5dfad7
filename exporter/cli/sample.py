"""`check --sample`: runs a declaration on a saved answer; prints the metrics and every fault."""

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from exporter.cli.options import DEFAULT_FILE, Arguments, settings_of
from exporter.clock import Clock
from exporter.errors import ConfigError, PollError, suggestion
from exporter.poll.answer import Answer
from exporter.poll.extract import Reading, extract
from exporter.poll.parse import parse
from exporter.poll.snapshot import Poll, Renderer, Tally
from exporter.poll.untaken import untaken
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
        body = path.read_bytes()
    except OSError as error:
        raise ConfigError((f"--sample: {path}: {error.strerror}",)) from None
    answer = Answer(_TYPES.get(path.suffix.lower(), ""), body, Clock().wall())
    errors = []
    for endpoint in target.system.endpoints:
        # A condition on a parameter is for polls; here every endpoint may be what was saved.
        params = {**target.params, **dict([endpoint.when] if endpoint.when else [])}
        try:
            _show(replace(target, params=params), endpoint, answer, path)
        except PollError as error:
            errors.append(f"{path}: {endpoint.path}: {error.reason}: {error.detail}")
        else:
            return not _faults(params, endpoint, answer)
    print("\n".join(errors), file=sys.stderr)
    return False


def _faults(params: Mapping[str, str], endpoint: Endpoint, answer: Answer) -> bool:
    return bool(extract(parse(answer, endpoint), endpoint, params, answer.middle).faults)


def _show(target: Target, endpoint: Endpoint, answer: Answer, path: Path) -> None:
    tree = parse(answer, endpoint)
    reading = extract(tree, endpoint, target.params, answer.middle)
    snapshot = Renderer(target).render(Poll(reading, 0.0, answer.middle, 0.0), Tally())
    for piece in expose_targets([(target, snapshot)], Format.TEXT):
        # What the exporter would say of a poll is not told: there was none.
        if not piece.startswith(b"# HELP status_exporter_"):
            sys.stdout.write(piece.decode())
    _complain(path, reading)
    for place in untaken(tree, endpoint):
        print(f"{path}: {place}: no field takes this", file=sys.stderr)


def _complain(path: Path, reading: Reading) -> None:
    for fault in reading.faults:
        print(f"{path}: {fault.metric}: {fault.message}", file=sys.stderr)
