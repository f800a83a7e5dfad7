"""The memory of a refused list is freed at once, without garbage collection."""

import asyncio
import gc
import json
import os
import threading
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from exporter.clock import Clock
from exporter.config import load_text
from exporter.runtime.discovery import ListSource, make_source
from exporter.systems import SYSTEMS
from support.vendor import open_vendor, response

# Each takes more than a megabyte while it is read.
LABELS = ", ".join(f'"a{at}": "b"' for at in range(20_000))
LISTS = {
    "not a list": json.dumps({"targets": ["a"], "x": "y" * 10**6}),
    "a key twice": f'[{{"labels": {{{LABELS}, "a1": "b"}}}}]',
    "unknown keys": json.dumps([{f"a{at}": "b" for at in range(20_000)}]),
    "bad items": json.dumps([{"targets": [f"a b{at}" for at in range(20_000)]}]),
    "not UTF-8": "[" + "\udcff" * 10**6,
}


@pytest.fixture
def _without_garbage_collection() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


async def _refused(source: ListSource) -> str:
    """Read the list once, wait until that has ended, and return the fault."""
    (fault,) = (await source.refresh()).faults.values()
    for thread in threading.enumerate():
        if thread.name == "files":
            thread.join(60)
    await asyncio.sleep(0)  # Until then the event loop refers to what woke this task up.
    return fault


@asynccontextmanager
async def _source(kind: str, content: bytes, folder: Path) -> AsyncIterator[ListSource]:
    async with open_vendor() as vendor:
        vendor.answer = response(content)
        (folder / "list.json").write_bytes(content)
        options = {"file_sd": {"files": ["list.json"]}, "http_sd": {"url": vendor.url}}
        entry = {"system": "genesys_ucs", kind: options[kind]}
        text = json.dumps({"discovery": [entry]})
        (one,) = load_text(text, "config.yaml", folder, SYSTEMS).discoveries
        yield make_source(one, lambda _: True, Clock())


@pytest.mark.usefixtures("_without_garbage_collection")
@pytest.mark.parametrize("kind", ["file_sd", "http_sd"])
@pytest.mark.parametrize("text", LISTS.values(), ids=LISTS)
async def test_a_refused_list_is_freed_at_once(text: str, kind: str, tmp_path: Path) -> None:
    content = text.encode(errors="surrogateescape")
    async with _source(kind, content, tmp_path) as source:
        await _refused(source)  # Fills caches.
        os.utime(tmp_path / "list.json", (1, 1))
        tracemalloc.start()
        try:
            fault = await _refused(source)
            kept, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    assert fault
    assert peak > 2**20
    assert kept < peak / 10
