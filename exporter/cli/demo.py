"""`demo`: starts a simulator of the four systems and an exporter that polls it."""

from pathlib import Path

from exporter import log
from exporter.cli.options import Arguments
from exporter.cli.serve import run, telemetry_path
from exporter.clock import Clock
from exporter.config import load_text
from exporter.serve import running, until_signal
from exporter.simulator.app import World, make_app
from exporter.simulator.demo import config_text
from exporter.systems import SYSTEMS
from exporter.web.listen import listening
from exporter.web.routes import make_app as make_site


def demo(arguments: Arguments) -> int:
    """Run the command."""
    log.set_up(arguments.log_level, arguments.log_format)
    run(_demo(arguments, telemetry_path(arguments)))
    return 0


async def _demo(arguments: Arguments, path: str) -> None:
    stop = until_signal()
    async with listening(make_app(World()), [arguments.simulator_address]) as simulators:
        text = config_text(f"http://{simulators[0]}")
        settings = load_text(text, "demo", Path(), SYSTEMS)
        async with running(settings, Clock()) as (targets, telemetry):
            site = make_site(targets, telemetry, path)
            addresses = arguments.addresses or [arguments.default_address]
            async with listening(site, addresses) as exporters:
                print(
                    f"simulator  http://{simulators[0]}/\n"
                    f"status     http://{exporters[0]}/\n"
                    f"metrics    http://{exporters[0]}{path}\n"
                    f"polling {len(targets)} targets; Ctrl-C stops",
                    flush=True,
                )
                await stop.wait()
