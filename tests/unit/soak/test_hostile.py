"""The hostile servers: their answers have the sizes that are wanted, and the language reads them."""

import asyncio
import json
from pathlib import Path

import pytest
import yaml

from exporter.config import load_file
from exporter.systems import SYSTEMS
from soak.hostile import DECLARATION, MAX_BODY, REFUSED, TARGETS, Site, _build, targets


def body_of(name: str) -> bytes:
    return _build(TARGETS[name]).partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize("name", TARGETS)
def test_a_body_is_json_unless_it_stalls_and_not_above_the_limit(name: str) -> None:
    body = body_of(name)

    assert len(body) <= MAX_BODY
    if name.startswith("stall-"):
        assert len(body) == MAX_BODY - 1
    else:
        assert json.loads(body)


def test_the_largest_object_has_more_values_than_the_exporter_reads() -> None:
    assert (
        len(json.loads(body_of("keys-97000"))) < 100_000 < len(json.loads(body_of("keys-111000")))
    )


def test_the_declaration_is_accepted(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump({"systems": DECLARATION, "targets": targets(1)}))

    settings = load_file(config, SYSTEMS)

    assert {one.name for one in settings.targets} == set(TARGETS)
    assert set(TARGETS) > REFUSED


async def test_a_second_answer_comes_late_on_the_same_connection() -> None:
    site, ended = Site(), asyncio.Event()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await site.connected(reader, writer)
        await writer.wait_closed()
        ended.set()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"GET /late/3 HTTP/1.1\r\n\r\n")
        values = []
        for _ in range(2):
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.rpartition(b": ")[2])
            values.append(json.loads(await reader.readexactly(length))["value"])
        writer.close()
        await ended.wait()

    assert values == [3, -1]
