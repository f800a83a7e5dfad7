"""`serve`: polls the targets and serves their metrics until a signal stops it."""

import asyncio
import logging
import os
import signal
from collections.abc import Coroutine
from typing import TypeVar

from uvloop import new_event_loop

from exporter import __version__, log
from exporter.cli.check_command import report
from exporter.cli.options import Arguments, allowed_hosts_of, settings_of, web_of
from exporter.errors import ConfigError
from exporter.runtime.shard import parse_shard
from exporter.toolkit.sockets import parse_address

_log = logging.getLogger(__name__)

_T = TypeVar("_T")
_TAKEN = frozenset({"/probe", "/sd", "/target"})


def run(arguments: Arguments) -> int:
    """Run the command."""
    # Ignored until the service can reload: the first load reads the current file anyway.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    whole = settings_of(arguments)
    path = telemetry_path(arguments)
    read_web = web_of(arguments)
    allowed_hosts = allowed_hosts_of(arguments)
    addresses = arguments.addresses or [arguments.default_address]
    for address in addresses:
        parse_address(address)
    if arguments.max_requests < 0:
        raise ConfigError((f"--web.max-requests: {arguments.max_requests} is below 0",))
    shard = parse_shard(arguments.shard, arguments.total_shards, os.environ)
    interval = _auto_reload_interval(arguments)
    if arguments.config_check:
        report(whole)
        return 0
    log.set_up(arguments.log_level, arguments.log_format)
    settings = shard.part_of(whole)
    facts = {"version": __version__, "targets": len(settings.targets)}
    _log.info("starting status-exporter", extra={"facts": facts})
    # A check needs no web server.
    from exporter.service import Options  # noqa: PLC0415
    from exporter.service import serve as run_service  # noqa: PLC0415
    from exporter.toolkit.connection_limits import Limits  # noqa: PLC0415
    from exporter.toolkit.listen import PASSED  # noqa: PLC0415

    options = Options(
        addresses=[PASSED] if arguments.systemd_socket else addresses,
        telemetry_path=path,
        limits=Limits(scrapes=arguments.max_requests),
        shard=shard,
        allowed_hosts=allowed_hosts,
        read_web=read_web,
        auto_reload_interval=interval,
    )
    run_coroutine(run_service(options, settings, lambda: shard.part_of(settings_of(arguments))))
    return 0


def _auto_reload_interval(arguments: Arguments) -> float | None:
    if not arguments.auto_reload:
        return None
    from exporter.config import parse_duration  # noqa: PLC0415

    try:
        return parse_duration(arguments.auto_reload_interval)
    except ValueError as error:
        raise ConfigError((f"--config.auto-reload-interval: {error}",)) from None


def telemetry_path(arguments: Arguments) -> str:
    """Return the checked path of the metrics."""
    path = arguments.telemetry_path
    parts = path.split("/")[1:]
    bad = not path.startswith("/") or set(path) & set("{}?#% ")
    taken = path in _TAKEN or path.startswith(("/-/", "/api/", "/static/"))
    if taken or bad or ".." in parts or "." in parts or "" in parts[:-1]:
        raise ConfigError((f"--web.telemetry-path: {path} is not a path such as /metrics",))
    return path


def run_coroutine(main: Coroutine[None, None, _T]) -> _T:
    """Run the coroutine on uvloop and return its result."""
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(main)
