"""What is deployed, held against the program: its flags, its addresses, its paths."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from aiohttp import web

from exporter.address import parse_address
from exporter.cli.options import Arguments
from exporter.cli.parser import make_parser
from exporter.clock import Clock
from exporter.settings import Settings
from exporter.targets import Targets
from exporter.telemetry import Telemetry
from exporter.web.routes import make_app

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"


def parsed(arguments: Sequence[str]) -> Arguments:
    """Return what the program makes of the arguments; one it does not have ends the test."""
    given = list(arguments)
    if given[0].startswith("-"):
        given.insert(0, "serve")
    return make_parser().parse_args(given, namespace=Arguments())


def port_of(arguments: Sequence[str]) -> int:
    """Return the port that the program would listen on."""
    found = parsed(arguments)
    (address,) = found.addresses or [found.default_address]
    where = parse_address(address)
    assert not isinstance(where, Path)
    return where[1]


def paths() -> set[str]:
    """Return every path that the program serves."""
    telemetry = Telemetry()
    app = make_app(
        Targets(Settings(targets=()), telemetry, Clock()), telemetry, "/metrics", reload=_no_reload
    )
    return {one.canonical for one in app.router.resources() if isinstance(one, web.Resource)}


async def _no_reload(_why: str) -> str:
    return ""


def documents(path: Path) -> list[dict[str, Any]]:
    """Return the documents of a file of YAML."""
    return [one for one in yaml.safe_load_all(path.read_text(encoding="utf-8")) if one]
