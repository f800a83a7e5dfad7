"""`demo`: starts a simulator of the four systems and an exporter that polls it."""

from pathlib import Path

from exporter import log
from exporter.cli.options import Arguments, web_of
from exporter.cli.serve import run, telemetry_path
from exporter.clock import Clock
from exporter.config import load_text
from exporter.serve import running, until_signal
from exporter.simulator.app import World, make_app
from exporter.simulator.demo import config_text
from exporter.systems import SYSTEMS
from exporter.web.guard import Guard
from exporter.web.listen import listening
from exporter.web.routes import make_app as make_site
from exporter.web_settings import ReadWeb


def demo(arguments: Arguments) -> int:
    """Run the command."""
    read_web = web_of(arguments)
    log.set_up(arguments.log_level, arguments.log_format)
    run(_demo(arguments, telemetry_path(arguments), read_web))
    return 0


async def _demo(arguments: Arguments, path: str, read_web: ReadWeb | None) -> None:
    stop = until_signal()
    async with listening(make_app(World()), [arguments.simulator_address]) as simulators:
        text = config_text(f"http://{simulators[0]}")
        settings = load_text(text, "demo", Path(), SYSTEMS)
        clock = Clock()
        async with running(settings, clock) as (targets, telemetry):
            guard = Guard(read_web, telemetry, clock) if read_web else None
            site = make_site(targets, telemetry, path, guard=guard)
            addresses = arguments.addresses or [arguments.default_address]
            scheme = "https" if guard and guard.ssl_context else "http"
            tls = guard.ssl_context if guard else None
            async with listening(site, addresses, tls=tls) as exporters:
                print(
                    f"simulator  http://{simulators[0]}/\n"
                    f"status     {scheme}://{exporters[0]}/\n"
                    f"metrics    {scheme}://{exporters[0]}{path}\n"
                    f"polling {len(targets)} targets; Ctrl-C stops",
                    flush=True,
                )
                await stop.wait()
