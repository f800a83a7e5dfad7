"""Each hostile list or configuration is refused, without an effect on good targets."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from support.metrics_page import read_page
from support.siege import Hostile, Siege, besieged, configuration
from support.siege_catalog import siege
from support.vendor import HEALTHY, open_vendor, response

FILES = {
    "system": "genesys_ucs",
    "file_sd": {"files": ["list.json", "list.yaml"], "refresh_interval": "1s"},
}
FAILURES = "status_exporter_discovery_refresh_failures_total"


def merges(depth: int) -> str:
    lists = ["- &m0 {targets: [127.0.0.1:1]}"]
    lists += [f"- &m{at + 1} {{<<: [*m{at}, *m{at}]}}" for at in range(depth)]
    return "\n".join(lists)


def nested(depth: int) -> str:
    """Declare nested `each`, two in each level, by aliases."""
    fields = ["&e0 {each: /a, fields: [{gauge: x_a, path: /v}]}"]
    fields += [f"&e{at + 1} {{each: /a, fields: [*e{at}, *e{at}]}}" for at in range(depth)]
    return f"systems: {{x: {{endpoints: [{{path: /p, fields: [{', '.join(fields)}]}}]}}}}\n"


def _twice(number: int) -> str:
    labels = ", ".join(f'"a{at}": "b"' for at in range(number))
    return f'[{{"targets": ["a"], "labels": {{{labels}, "a{number - 1}": "b"}}}}]'


LISTS: dict[str, tuple[str, Callable[[], str]]] = {
    "a key twice among 300,000": ("json", lambda: _twice(300_000)),
    "merge keys 30 deep": ("yaml", lambda: merges(30)),
    "four million lists": ("json", lambda: f"[{'[],' * 4_000_000}[]]"),
    "a million groups": ("yaml", lambda: f"[{'{},' * 1_000_000}]"),
    "many items with many labels": (
        "json",
        lambda: json.dumps(
            [
                {
                    "targets": [f"a{at}" for at in range(50_000)],
                    "labels": {f"__meta_{at}": "x" * 40 for at in range(50_000)},
                }
            ]
        ),
    ),
    "an item of ten megabytes": ("json", lambda: json.dumps([{"targets": ["x" * 10**7]}])),
}


@siege(
    "an http_sd list with 300,000 keys and a duplicate",
    "a list of millions of parts, groups of many items with many labels, keys or items of a megabyte",
    "merge keys nested 24 deep",
)
@pytest.mark.parametrize(("form", "text"), LISTS.values(), ids=LISTS)
async def test_a_hostile_file_is_refused(
    form: str, text: Callable[[], str], tmp_path: Path
) -> None:
    async with besieged(tmp_path, Hostile(discovery=(FILES,), max_bytes=2**30)) as siege:
        (tmp_path / f"list.{form}").write_text(text(), encoding="utf-8")
        await _watch_until_refused(siege)
        log = await siege.end()

    assert len(log) < 2**20


@siege("a pattern of a file_sd that matches 100,000 files")
async def test_a_pattern_that_matches_too_many_files_keeps_the_targets(tmp_path: Path) -> None:
    few, many = tmp_path / "few", tmp_path / "many"
    for folder, count in ((few, 1), (many, 20_000)):
        folder.mkdir()
        for number in range(count):
            (folder / f"{number}.json").write_text('[{"targets": ["127.0.0.1:1"]}]')
    (tmp_path / "lists").symlink_to(few)
    files = FILES | {"file_sd": {"files": ["lists/*.json"], "refresh_interval": "1s"}}
    async with besieged(tmp_path, Hostile(discovery=(files,))) as siege:
        await siege.until_polled("127.0.0.1:1")
        (tmp_path / "new").symlink_to(many)
        (tmp_path / "new").replace(tmp_path / "lists")
        await _watch_until_refused(siege)
        page = await siege.fetch()
        log = await siege.end()

    assert "127.0.0.1:1" in read_page(page)
    assert "more than 10000 files" in log


async def _watch_until_refused(siege: Siege) -> None:
    """Watch the program until it has refused a list, which takes a busy machine long."""
    async with asyncio.timeout(300):
        while True:
            page = await siege.watch()
            failed = next(line for line in page.splitlines() if line.startswith(f"{FAILURES}{{"))
            if float(failed.split()[-1]) >= 1:
                return


@siege("an http_sd list with 300,000 keys and a duplicate")
async def test_a_hostile_endpoint_is_refused(tmp_path: Path) -> None:
    async with open_vendor() as vendor:
        vendor.answer = response(_twice(300_000).encode())
        http = {"system": "genesys_ucs", "http_sd": {"url": vendor.url, "refresh_interval": "1s"}}
        async with besieged(tmp_path, Hostile(discovery=(http,))) as siege:
            await _watch_until_refused(siege)
            await siege.end()


@siege("aliases of aliases in `systems:`", "merge keys nested 24 deep")
@pytest.mark.parametrize(
    "declaration",
    [nested(20), f"x-list:\n{merges(30)}\n"],
    ids=["nested each", "merge keys"],
)
async def test_a_hostile_configuration_is_not_loaded(declaration: str, tmp_path: Path) -> None:
    hostile = Hostile()
    async with besieged(tmp_path, hostile) as siege:
        config = configuration(hostile, siege.good.url)
        (tmp_path / "config.yaml").write_text(declaration + config, encoding="utf-8")
        watching = asyncio.create_task(siege.watch())
        status, text = await siege.post("/-/reload")
        await watching
        await siege.end()

    assert status == 500
    assert "its aliases stand for" in text


@siege("more hosts than open files", "128 open files and 310 hosts")
async def test_more_hosts_than_open_files_leave_the_port_open(tmp_path: Path) -> None:
    hosts = tuple(
        {"name": f"h{at}", "system": "genesys_ucs", "interval": "1s", "timeout": "900ms"}
        for at in range(300)
    )
    hostile = Hostile(first="ulimit -n 128")
    async with besieged(tmp_path, hostile) as siege:
        port = siege.good.url.rpartition(":")[2]
        targets = tuple(
            one | {"url": f"http://127.0.{1 + at // 250}.{1 + at % 250}:{port}"}
            for at, one in enumerate(hosts)
        )
        await siege.reload(Hostile(targets=targets))
        await siege.watch()
        await siege.end()


@siege("`/-/ready` with discoveries only")
async def test_readiness_waits_for_the_targets_of_a_list(tmp_path: Path) -> None:
    async with open_vendor() as vendor:
        vendor.answer = None
        late = {"targets": [f"{vendor.url}/{at}" for at in range(3)]}
        (tmp_path / "list.json").write_text(json.dumps([late]), encoding="utf-8")
        times = {"interval": "30s", "timeout": "29s"}
        async with besieged(tmp_path, Hostile(discovery=(FILES | times,))) as siege:
            async with asyncio.timeout(60):
                while len(vendor.requests) < 3:
                    await asyncio.sleep(0.05)
            waiting, _ = await siege.status("/-/ready")
            vendor.answer = HEALTHY
            await vendor.close()
            async with asyncio.timeout(60):
                while (await siege.status("/-/ready"))[0] != 200:
                    await asyncio.sleep(0.05)
            await siege.end()

    assert waiting == 503
