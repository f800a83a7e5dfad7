"""ARCHITECTURE.md describes the code: its packages, and the path of one value."""

import asyncio
import re
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import aiohttp

from exporter.clock import Clock
from exporter.service import running
from exporter.settings import Settings
from exporter.toolkit.listen import listening
from exporter.web.routes import make_app
from support.polling import make_target
from support.repository import ROOT
from support.vendor import response, serving

PAGE = (ROOT / "ARCHITECTURE.md").read_text()
PACKAGE = ROOT / "exporter"
ANSWER = ROOT / "tests/data/answers/genesys_ucs/01_production.json"
LINE = 'genesys_ucs_jvm_memory_max_bytes{target="ucs"} 1062862848\n'

MAX_CALLS = 28
MAX_FILES = 13


class Step(NamedTuple):
    """A function, by its file and name; for one that was returned by another, the other."""

    file: str
    name: str


STEPS = [
    Step(*found)
    for found in re.findall(r"^\| \d+ \| `([\w/]+\.py)` \| `([\w.]+)` \|", PAGE, re.MULTILINE)
]

STARTS = (
    Step("http/http_connection.py", "HttpConnection.on_ready"),
    Step("web/exposition.py", "serve_metrics"),
)
"""The steps that an event of the loop and a request of a scraper start from."""


def step_of(frame: FrameType) -> Step | None:
    path = Path(frame.f_code.co_filename)
    if not path.is_relative_to(PACKAGE):
        return None
    name = frame.f_code.co_qualname.partition(".<locals>")[0]
    return Step(path.relative_to(PACKAGE).as_posix(), name)


def caller_of(frame: FrameType | None) -> Step | None:
    """Return the nearest function of the exporter above this frame."""
    while frame is not None:
        step = step_of(frame)
        if step is not None:
            return step
        frame = frame.f_back
    return None


@contextmanager
def traced() -> Iterator[list[Step]]:
    """Record the steps that are called by another step, or by no function of the exporter."""
    calls: list[Step] = []

    def note(frame: FrameType, event: str, _: Any) -> None:
        step = step_of(frame) if event == "call" else None
        if step is None or step not in STEPS:
            return
        if step in STARTS or caller_of(frame.f_back) in {*STEPS, None}:
            calls.append(step)

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        yield calls
    finally:
        sys.setprofile(before)


async def poll_and_scrape() -> str:
    """Poll a UCS once, and return the page."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(response(ANSWER.read_bytes()))

    async with serving(answer) as url:
        target = replace(make_target("genesys_ucs", url), name="ucs", interval=3600.0)
        settings = Settings(targets=(target,))
        async with running(settings, Clock()) as (targets, telemetry, schedule):
            while targets.waiting:
                await asyncio.sleep(0.01)
            app = make_app(targets, telemetry, "/metrics", schedule=schedule)
            async with (
                listening(app, ["127.0.0.1:0"]) as (address,),
                aiohttp.ClientSession() as session,
                session.get(f"http://{address}/metrics") as page,
            ):
                return await page.text()


async def test_max_memory_passes_through_the_functions_of_the_page_in_their_order() -> None:
    with traced() as calls:
        page = await poll_and_scrape()

    assert LINE in page
    left = iter(calls)
    assert [step for step in STEPS if step not in left] == [], "not called, or in another order"


def test_the_path_is_short() -> None:
    files = {step.file for step in STEPS}

    assert f"these {len(STEPS)} functions in {len(files)} files" in PAGE.replace("\n", " ")
    assert len(STEPS) <= MAX_CALLS
    assert len(files) <= MAX_FILES


def packages_of_page() -> list[list[str]]:
    """Return the packages of each row of the table."""
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", PAGE, re.MULTILINE)
    return [re.findall(r"\w+", row) for row in rows]


def test_every_package_is_on_the_page() -> None:
    packages = {one.parent.name for one in PACKAGE.glob("*/__init__.py")}

    assert sorted(name for row in packages_of_page() for name in row) == sorted(packages)


def test_packages_import_only_those_above_them_on_the_page() -> None:
    rank = {name: number for number, row in enumerate(packages_of_page()) for name in row}
    imports = re.compile(r"^ *from exporter\.(\w+)", re.MULTILINE)
    wrong = [
        (module.relative_to(PACKAGE).as_posix(), imported)
        for module in PACKAGE.glob("*/**/*.py")
        for imported in imports.findall(module.read_text())
        if rank.get(imported, 0) > rank[module.relative_to(PACKAGE).parts[0]]
    ]

    assert wrong == []


def layer_of(package: str) -> int:
    """Return the position of a package in the import contract; lower ones import no higher ones."""
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    layers = tools["importlinter"]["contracts"][0]["layers"]
    (position,) = (at for at, row in enumerate(layers) if package in re.findall(r"\w+", row))
    return -position


def test_the_packages_are_in_the_order_of_their_imports() -> None:
    layers = [layer_of(name) for row in packages_of_page() for name in row]

    assert layers == sorted(layers)
