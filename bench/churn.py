"""Row 13: ten thousand targets in a file, some of which are replaced again and again."""

import json
import time
from pathlib import Path

from bench.figures import Line, short
from bench.load_profile import Load
from bench.programs import Exporter, Program
from bench.workbench import Workbench

_LOAD = Load(10_000, 15.0, ("ucs",))
_REPLACED = 20
# Longer than the interval, so that the first replaced targets have been polled.
_EVERY = 20.0
# A new target is polled within the first; its own times begin after it.
_MISSED_SECONDS = 1.5 * _LOAD.interval + 1.5


def run(bench: Workbench) -> list[Line]:
    """Replace the oldest targets in the file, and count what was polled too late or never."""
    rounds = 1 if bench.quick else 5
    urls = _LOAD.bases(bench.server.site, _LOAD.targets + rounds * _REPLACED)
    file = bench.folder / "fleet.json"
    _write(file, urls[: _LOAD.targets])
    config = f"""\
global: {{interval: {_LOAD.interval:g}s}}
discovery: [{{system: genesys_ucs, file_sd: {{files: [{file}]}}}}]
"""
    with Exporter(bench.setting(_LOAD), config=config) as exporter:
        bench.say("row 13: 10,000 targets of a file start")
        # The exporter is ready once it has read the file, before it has polled its targets.
        Program.settle(exporter)
        exporter.check_all_up()
        bench.server.watch(_MISSED_SECONDS)
        memory = exporter.memory()
        for number in range(1, rounds + 1):
            time.sleep(_EVERY)
            bench.say(f"row 13: {_REPLACED} are replaced, {number}/{rounds}")
            first = number * _REPLACED
            _write(file, urls[first : first + _LOAD.targets])
        time.sleep(_MISSED_SECONDS + 1)
        count = bench.server.count()
        grown = exporter.memory() - memory
    never = len(urls) - count.addresses
    return [
        Line(
            row=13,
            what=f"10,000 targets of a file every 15 s, {_REPLACED} replaced every {_EVERY:g} s,"
            f" {rounds} times",
            ours=f"{count.late} polls missed, {never} targets never polled, the longest pause"
            f" {count.longest:.2f} s, memory grew by {short(grown / 1024)} MiB",
            goal="none missed, none never polled",
            met=not count.late and not never,
        )
    ]


def _write(file: Path, urls: list[str]) -> None:
    new = file.with_suffix(".new")
    new.write_text(json.dumps([{"targets": urls}]), encoding="utf-8")
    new.replace(file)
