"""`serve`: polls the targets and serves their metrics until it is told to stop."""

import asyncio
import logging
from collections.abc import Coroutine

from exporter import __version__, log
from exporter.cli.check import report
from exporter.cli.options import Arguments, settings_of
from exporter.errors import ConfigError

try:
    from uvloop import new_event_loop
except ImportError:  # pragma: no cover - only where uvloop cannot be installed
    from asyncio import new_event_loop  # type: ignore[assignment]

_log = logging.getLogger(__name__)


def serve(arguments: Arguments) -> int:
    """Run the command."""
    settings = settings_of(arguments)
    path = telemetry_path(arguments)
    if arguments.config_check:
        report(settings)
        return 0
    log.set_up(arguments.log_level, arguments.log_format)
    facts = {"version": __version__, "targets": len(settings.targets)}
    _log.info("starting status-exporter", extra={"facts": facts})
    from exporter.serve import serve as run_service  # noqa: PLC0415 - a check needs no web server

    addresses = arguments.addresses or [arguments.default_address]
    run(run_service(settings, addresses, path))
    return 0


def telemetry_path(arguments: Arguments) -> str:
    """Return the checked path of the metrics."""
    path = arguments.telemetry_path
    if not path.startswith("/") or path.startswith("/-/") or set(path) & set("{}?#% "):
        raise ConfigError((f"--web.telemetry-path: {path} is not a path such as /metrics",))
    return path


def run(main: Coroutine[None, None, None]) -> None:
    """Run the coroutine on the fastest event loop there is."""
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(main)
