"""`poll`: polls a target once and prints its metrics, as on /metrics."""

import sys
from dataclasses import replace

from exporter import log
from exporter.cli.options import Arguments, settings_of
from exporter.cli.serve_command import run_coroutine
from exporter.cli.words import GREEN, RED, colour_text
from exporter.clock import Clock
from exporter.errors import ConfigError, PollError, suggestion
from exporter.http.connections import Connections
from exporter.pipeline.request import build
from exporter.pipeline.snapshot import Snapshot
from exporter.runtime.discovery import read_lists_once
from exporter.runtime.poll_run import PollRun
from exporter.runtime.poll_run import poll as poll_once
from exporter.runtime.targets import Targets
from exporter.settings import Settings, Target
from exporter.telemetry import Telemetry
from exporter.toolkit.negotiate import Format
from exporter.web.exposition import expose_targets


def run(arguments: Arguments) -> int:
    """Run the command."""
    settings = settings_of(arguments)
    log.set_up(arguments.log_level, arguments.log_format)
    target, snapshot = run_coroutine(_poll(settings, arguments.name))
    outcome = snapshot.poll.outcome
    colour = RED if isinstance(outcome, PollError) else GREEN
    page = b"".join(expose_targets([(target, snapshot)], Format.TEXT)).decode()
    for line in page.splitlines():
        is_up = line.startswith("status_exporter_target_up{")
        print(colour_text(line, colour, sys.stdout) if is_up else line)
    sys.stdout.flush()
    if isinstance(outcome, PollError):
        report_failure(target, outcome)
        return 1
    for fault in outcome.faults:
        message = colour_text(fault.message, RED, sys.stderr)
        print(f"{target.name}: {fault.metric}: {message}", file=sys.stderr)
    return 0


def report_failure(target: Target, error: PollError) -> None:
    """Print to standard error why a poll failed."""
    reason = colour_text(error.reason, RED, sys.stderr)
    print(f"{target.name}: {reason}: {error.explanation}", file=sys.stderr)


def find_target(settings: Settings, name: str | None) -> Target:
    """Return the target of this name; without a name, the only target."""
    targets = {target.name: target for target in settings.targets}
    if name is None and len(targets) == 1:
        return settings.targets[0]
    if not targets:
        raise ConfigError(("there is no target",))
    if name is None:
        raise ConfigError((f"name one of the targets: {', '.join(targets)}",))
    if name not in targets:
        raise ConfigError((f'there is no target "{name}"; {suggestion(name, targets)}',))
    return targets[name]


async def _poll(settings: Settings, name: str | None) -> tuple[Target, Snapshot]:
    clock = Clock()
    if name not in {target.name for target in settings.targets}:
        found, faults = await read_lists_once(settings, clock)
        settings = replace(settings, targets=found)
        for fault in faults:
            print(f"warning: {fault}", file=sys.stderr)
    target = find_target(settings, name)
    connections = Connections(clock)
    try:
        result = await poll_once(PollRun(target, build(target), connections, clock))
    finally:
        await connections.close()
    targets = Targets(Settings(targets=(target,)), Telemetry(), clock)
    [state] = targets
    targets.record(state, result)
    assert state.snapshot  # noqa: S101 - recorded above
    return target, state.snapshot
