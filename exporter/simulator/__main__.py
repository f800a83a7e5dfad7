"""Serve the simulator until it is told to stop."""

import argparse
import asyncio
import contextlib
import signal
import sys
from urllib.parse import urlsplit

from aiohttp import web

from exporter.simulator.app import World, make_app

DEFAULT_LISTEN = "127.0.0.1:10126"


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and give its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m exporter.simulator",
        description="Serve made-up servers of all four vendors on one address.",
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
    options = parser.parse_args(arguments)
    host, port = options.listen
    try:
        # Where signals cannot be caught, Ctrl-C arrives as this.
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(_serve(host, port, options.seed))
    except OSError as error:
        # The event loop puts the address in front of the reason, and it is said here already.
        reason = str(error.strerror or error).rpartition(": ")[2]
        sys.stderr.write(f"cannot listen on {host}:{port}: {reason}\n")
        return 1
    return 0


async def _serve(host: str, port: int, seed: int) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for wanted in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(wanted, stop.set)
    runner = web.AppRunner(make_app(World(seed=seed)), access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        bound_host, bound_port = runner.addresses[0][:2]
        shown = f"[{bound_host}]" if ":" in bound_host else bound_host
        sys.stdout.write(f"http://{shown}:{bound_port}\n")
        sys.stdout.flush()
        await stop.wait()
    finally:
        await runner.cleanup()


def _address(text: str) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    try:
        port = parts.port
    except ValueError:
        port = None
    if not parts.hostname or port is None or parts.netloc != text:
        raise argparse.ArgumentTypeError(f"not an address such as {DEFAULT_LISTEN}: {text!r}")
    return parts.hostname, port


if __name__ == "__main__":
    raise SystemExit(main())
