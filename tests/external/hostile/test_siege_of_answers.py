"""Each hostile answer harms only its own target."""

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme

from soak.hostile import DECLARATION, Site
from soak.hostile import targets as costly_targets
from support.metrics_page import read_page
from support.siege import Hostile, besieged
from support.siege_catalog import siege
from support.vendor import response, serving

SECRET = 'hunter22"/x'
CLIENT = {"h": {"http_headers": {"X-Key": {"secrets": [SECRET]}}}}
HUB = {
    "hub": {
        "endpoints": [
            {
                "path": "/status",
                "fields": [
                    {"gauge": "hub_calls", "path": "/calls"},
                    {"info": "hub_info", "labels": {"username": "/username"}},
                    {
                        "each": "/lines",
                        "labels": {"line": "/id"},
                        "fields": [{"gauge": "hub_line_calls", "path": "/calls"}],
                    },
                ],
            }
        ],
    }
}
COMMANDS = "\x1b[31m\x07\x9b\u202e\u2066\u200b\u061c\ufeff"


def hub(url: str, count: int = 1, **more: Any) -> tuple[dict[str, Any], ...]:
    """Return targets h0, h1, ... of the system above."""
    times = {"interval": "1s", "timeout": "900ms"} | more
    return tuple(
        {"name": f"h{number}", "system": "hub", "url": f"{url}/{number}", **times}
        for number in range(count)
    )


def answering(answer: bytes) -> Any:
    """Return a handler that answers each request with these bytes."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()

    return handle


def as_json(**answer: Any) -> bytes:
    return response(json.dumps(answer).encode())


def _is_unprintable(text: str) -> bool:
    return bool({*COMMANDS} - {"[", "3", "1", "m"} & {*text})


def _labels(page: str, metric: str) -> list[str]:
    return [line for line in page.splitlines() if line.startswith(f"{metric}{{")]


TOO_LONG = "x" * 257
ENCODINGS: list[Callable[[str], str]] = [
    str,
    str.upper,
    lambda secret: secret.encode().hex(),
    lambda secret: base64.b64encode(secret.encode()).decode(),
    lambda secret: secret.replace('"', "&quot;"),
    lambda secret: json.dumps(secret)[1:-1],
]

ANSWERS: dict[str, tuple[bytes, list[str]]] = {
    "labels that are null, empty or too long": (
        as_json(
            lines=[
                {"id": None, "calls": 7},
                {"id": "", "calls": 7},
                {"id": TOO_LONG, "calls": 7},
                {"id": "ok", "calls": 8},
            ]
        ),
        ['hub_line_calls{target="h0",line="ok"} 8'],
    ),
    "two labels that are a secret": (
        as_json(lines=[{"id": SECRET, "calls": 1}, {"id": SECRET.upper(), "calls": 2}]),
        ['hub_line_calls{target="h0",line="<secret>"} 1'],
    ),
    "a secret in its encodings": (
        as_json(
            lines=[
                {"id": f"{at} {form(SECRET)}", "calls": at} for at, form in enumerate(ENCODINGS)
            ]
        ),
        [
            f'hub_line_calls{{target="h0",line="{at} <secret>"}} {at}'
            for at in range(len(ENCODINGS))
        ],
    ),
    "characters that command a terminal": (
        as_json(**{f"a{COMMANDS}\nb": 1}, lines=[{"id": f"a{COMMANDS}\nb", "calls": 1}]),
        ['hub_line_calls{target="h0",line="a\ufffd[31m\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffdb"} 1'],
    ),
    "headers of an interim answer": (
        b"HTTP/1.1 103 Early Hints\r\nContent-Encoding: br\r\nContent-Type: text/html\r\n\r\n"
        + as_json(lines=[{"id": "a", "calls": 1}]),
        ['hub_line_calls{target="h0",line="a"} 1'],
    ),
}  # fmt: skip


@siege(
    "an item whose label is null, empty or too long",
    "two values that are equal after redaction",
    "a password sent back as hex, base64, in upper or lower case, or escaped",
    "ESC, BEL, C1 or a line feed in a key",
    "headers of a 103 answer, and trailers",
)
@pytest.mark.parametrize(("answer", "shown"), ANSWERS.values(), ids=ANSWERS)
async def test_an_unusual_answer_is_shown_correctly(
    answer: bytes, shown: list[str], tmp_path: Path
) -> None:
    async with serving(answering(answer)) as url:
        targets = tuple(one | {"client": "h"} for one in hub(url))
        hostile = Hostile(systems=HUB, clients=CLIENT, targets=targets)
        async with besieged(tmp_path, hostile) as siege:
            await siege.until_polled("h0")
            page = await siege.watch_until("h0", up=True)
            log = await siege.end()

    assert _labels(page, "hub_line_calls") == shown
    assert read_page(page)["h0"].up
    for text in (page, log):
        assert not _is_unprintable(text)
        assert not any(form(SECRET) in text for form in ENCODINGS)


@siege("a password that is part of a label's name")
async def test_a_secret_that_is_the_name_of_a_label_leaves_the_page_valid(tmp_path: Path) -> None:
    client = {"h": {"basic_auth": {"username": "u", "password": "user"}}}
    async with serving(answering(as_json(username="a user b", calls=1))) as url:
        targets = tuple(one | {"client": "h"} for one in hub(url))
        async with besieged(
            tmp_path, Hostile(systems=HUB, clients=client, targets=targets)
        ) as siege:
            await siege.until_polled("h0")
            page = await siege.watch_until("h0", up=True)
            await siege.end()

    assert _labels(page, "hub_info") == ['hub_info{target="h0",username="a <secret> b"} 1']


@siege("a second, late answer on a kept connection")
@pytest.mark.parametrize("is_secure", [False, True], ids=["HTTP", "HTTPS"])
async def test_late_second_answers_reach_no_other_target(is_secure: bool, tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    client = {"h": {"tls_config": {"ca": authority.cert_pem.bytes().decode()}}}

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            path = (await reader.readuntil(b"\r\n\r\n")).split(b" ")[1].split(b"/")
            writer.write(as_json(calls=int(path[1])))
            await writer.drain()
            await asyncio.sleep(0.37)
            writer.write(as_json(calls=-1))
            await writer.drain()

    async with (
        serving(handle, context=context if is_secure else None) as url,
        besieged(
            tmp_path,
            Hostile(systems=HUB, clients=client, targets=hub(url, 50, client="h")),
        ) as siege,
    ):
        await siege.until_polled("h0", "h49")
        page = await siege.watch()
        await siege.end()

    shown = {line.split('"')[1]: line.split()[-1] for line in _labels(page, "hub_calls")}
    assert shown
    assert {name: f"h{value}" for name, value in shown.items()} == {name: name for name in shown}


@siege("1,000 targets send 1 MiB and stall")
async def test_answers_that_stall_do_not_fill_the_memory(tmp_path: Path) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1048576\r\n\r\n"

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head + b" " * (2**20 - 1))
        await writer.drain()
        await reader.read()

    async with serving(handle) as url:
        targets = hub(url, 300, interval="30s", timeout="29s")
        async with besieged(tmp_path, Hostile(systems=HUB, targets=targets)) as siege:
            await siege.watch()
            await siege.end()


@siege("name servers do not answer, and threads are scarce")
async def test_unknown_names_occupy_few_threads(tmp_path: Path) -> None:
    targets = tuple(one | {"url": f"http://{one['name']}.invalid"} for one in hub("http://x", 300))
    async with besieged(tmp_path, Hostile(systems=HUB, targets=targets)) as siege:
        await siege.watch()
        await siege.end()


@asynccontextmanager
async def costly() -> AsyncIterator[int]:
    """Serve the most expensive answers, and yield the port."""
    async with serving(Site().connected) as url:
        yield int(url.rpartition(":")[2])


@siege("250 targets with 110,000 keys each", "1,000 items with 19 gauges and long labels")
async def test_the_most_expensive_answers_delay_no_other_target(tmp_path: Path) -> None:
    async with costly() as port:
        targets = tuple(
            one | {"name": f"{one['name']}-{copy}", "interval": "5s", "timeout": "4s"}
            for one in costly_targets(port)
            for copy in range(3)
        )
        async with besieged(tmp_path, Hostile(systems=DECLARATION, targets=targets)) as siege:
            await siege.until_polled("items-0")
            page = await siege.watch()
            await siege.end()

    assert len(page) < 20 * 2**20
