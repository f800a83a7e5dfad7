"""Serve the simulator until it is stopped."""

import argparse
import asyncio
import contextlib
import signal
import sys

from aiohttp import web

from exporter.simulator.app import SimulatedServers, make_app

DEFAULT_LISTEN = "127.0.0.1:10126"


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m exporter.simulator",
        description="Serve simulated servers of all four vendors on one address.",
    )
    parser.add_argument(
        "--listen",
        type=_address,
        default=DEFAULT_LISTEN,
        metavar="HOST:PORT",
        help="where to listen; port 0 takes a free one (default: %(default)s)",
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="another seed makes other figures (default: 0)"
    )
    options = parser.parse_args()
    try:
        # Until the signals are caught, Ctrl-C arrives as this.
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(_serve(options.listen, options.seed))
    except (OSError, OverflowError) as error:
        sys.exit(f"cannot listen: {error}")


async def _serve(address: tuple[str, int], seed: int) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for wanted in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(wanted, stop.set)
    runner = web.AppRunner(make_app(SimulatedServers(seed=seed)), access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, *address).start()
        bound_host, bound_port = runner.addresses[0][:2]
        shown = f"[{bound_host}]" if ":" in bound_host else bound_host
        sys.stdout.write(f"http://{shown}:{bound_port}\n")
        sys.stdout.flush()
        await stop.wait()
    finally:
        await runner.cleanup()


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal():
        raise argparse.ArgumentTypeError(f"not an address such as {DEFAULT_LISTEN}: {text!r}")
    return host.strip("[]"), int(port)


if __name__ == "__main__":
    main()
