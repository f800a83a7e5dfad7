"""`demo`: starts a simulator of the four systems and an exporter that polls it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from aiohttp import web

from exporter import log
from exporter.cli.options import Arguments, allowed_hosts_of, web_of
from exporter.cli.serve_command import run_coroutine, telemetry_path
from exporter.clock import Clock
from exporter.config import load_text
from exporter.service import running, until_signal
from exporter.simulator.app import make_app
from exporter.simulator.demo import config_text, make_world
from exporter.systems import SYSTEMS
from exporter.toolkit.exceptions import ListenError
from exporter.toolkit.listen import listening
from exporter.toolkit.web_config import ReadWebConfig
from exporter.web.routes import make_app as make_site


def run(arguments: Arguments) -> int:
    """Run the command."""
    path = telemetry_path(arguments)
    web_config = web_of(arguments)
    allowed_hosts = allowed_hosts_of(arguments)
    log.set_up(arguments.log_level, arguments.log_format)
    run_coroutine(_demo(arguments, path, web_config, allowed_hosts))
    return 0


async def _demo(
    arguments: Arguments, path: str, web_config: ReadWebConfig | None, allowed_hosts: list[str]
) -> None:
    stop = until_signal()
    given = [] if arguments.simulator_address is None else [arguments.simulator_address]
    default = arguments.default_simulator_address
    simulator = make_app(make_world())
    async with _listening(simulator, given, default, "--simulator.listen-address") as simulators:
        text = config_text(f"http://{simulators[0]}")
        settings = load_text(text, "demo", Path(), SYSTEMS)
        clock = Clock()
        async with running(settings, clock) as (targets, telemetry, schedule):
            site = make_site(
                targets,
                telemetry,
                path,
                web_config=web_config,
                allowed_hosts=allowed_hosts,
                schedule=schedule,
            )
            scheme = "https" if web_config and web_config().tls else "http"
            given = arguments.addresses or []
            default = arguments.default_address
            async with _listening(site, given, default, "--web.listen-address") as exporters:
                print(
                    f"simulator  http://{simulators[0]}/\n"
                    f"status     {scheme}://{exporters[0]}/\n"
                    f"metrics    {scheme}://{exporters[0]}{path}\n"
                    f"polling {len(targets)} targets; Ctrl-C stops",
                    flush=True,
                )
                await stop.wait()


@asynccontextmanager
async def _listening(
    app: web.Application, given: Sequence[str], default: str, flag: str
) -> AsyncIterator[list[str]]:
    """Serve on the given addresses; else on the default address, or a free port if that is in use.

    Raises:
        ListenError: A given address cannot be used, or no port is free.
    """
    async with AsyncExitStack() as stack:
        try:
            on = await stack.enter_async_context(listening(app, given or [default]))
        except ListenError as error:
            if given:
                raise ListenError(f"{error}; change {flag}") from None
            host = default.rpartition(":")[0]
            on = await stack.enter_async_context(listening(app, [f"{host}:0"]))
            print(f"{error}; using a free port instead", flush=True)
        yield on
