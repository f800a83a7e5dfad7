"""`serve`: polls the targets and serves their metrics until it is told to stop."""

import asyncio
import logging
import os
from collections.abc import Coroutine

from uvloop import new_event_loop

from exporter import __version__, log
from exporter.address import parse_address
from exporter.cli.check import report
from exporter.cli.options import Arguments, settings_of, web_of
from exporter.errors import ConfigError
from exporter.shard import parse_shard

_log = logging.getLogger(__name__)


def serve(arguments: Arguments) -> int:
    """Run the command."""
    settings = settings_of(arguments)
    path = telemetry_path(arguments)
    read_web = web_of(arguments)
    addresses = arguments.addresses or [arguments.default_address]
    for address in addresses:
        parse_address(address)
    shard = parse_shard(arguments.shard, arguments.total_shards, os.environ)
    if arguments.config_check:
        report(settings)
        return 0
    log.set_up(arguments.log_level, arguments.log_format)
    settings = shard.part_of(settings)
    facts = {"version": __version__, "targets": len(settings.targets)}
    _log.info("starting status-exporter", extra={"facts": facts})
    from exporter.serve import serve as run_service  # noqa: PLC0415 - a check needs no web server

    run(run_service(settings, addresses, path, shard, read_web))
    return 0


def telemetry_path(arguments: Arguments) -> str:
    """Return the checked path of the metrics."""
    path = arguments.telemetry_path
    parts = path.split("/")[1:]
    bad = not path.startswith("/") or path.startswith("/-/") or set(path) & set("{}?#% ")
    if bad or ".." in parts or "." in parts or "" in parts[:-1]:
        raise ConfigError((f"--web.telemetry-path: {path} is not a path such as /metrics",))
    return path


def run(main: Coroutine[None, None, None]) -> None:
    """Run the coroutine on the fastest event loop there is."""
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(main)
