"""Every declaration x every recorded answer = the exposition kept in tests/data/golden."""

from pathlib import Path

import pytest

from exporter.errors import PollError
from exporter.pipeline.snapshot import PollCounts, take_snapshot
from exporter.toolkit.negotiate import Format
from exporter.web.exposition import expose_targets
from support.polling import Polls, make_target
from support.repository import DATA
from support.vendor import Vendor, recorded

ANSWERS = sorted(path for path in (DATA / "answers").glob("*/*") if path.is_file())


@pytest.mark.parametrize("path", ANSWERS, ids=lambda path: f"{path.parent.name}/{path.stem}")
async def test_a_recorded_answer_gives_its_golden_exposition(
    path: Path, vendor: Vendor, poll: Polls, renew: bool
) -> None:
    vendor.answer = recorded(path)
    target = make_target(path.parent.name, timeout=0.05 if vendor.answer is None else 5.0)
    outcome = await poll(target)
    failures: dict[str, int] = {}
    last_success = None
    notes = []
    if isinstance(outcome.outcome, PollError):
        failures = {outcome.outcome.reason: 1}
        notes.append(f"# failed: {outcome.outcome}\n")
    else:
        last_success = outcome.ended
        notes += [f"# fault: {one.metric}: {one.message}\n" for one in outcome.outcome.faults]
    tally = PollCounts(polls=1, failures=failures, last_success=last_success)
    snapshot = take_snapshot(target, outcome, tally)
    actual = b"".join(expose_targets([(target, snapshot)], Format.TEXT)).decode() + "".join(notes)

    golden = DATA / "golden" / path.parent.name / f"{path.stem}.prom"
    if renew:
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(actual, encoding="utf-8")

    assert actual == golden.read_text(encoding="utf-8")


def test_no_golden_file_is_left_without_its_answer() -> None:
    answers = {f"{path.parent.name}/{path.stem}" for path in ANSWERS}
    golden = {f"{path.parent.name}/{path.stem}" for path in (DATA / "golden").glob("*/*")}

    assert golden == answers


PAGES = {
    "genesys_ucs": {
        "genesys_ucs_jvm_memory_max_bytes": "530907136",
        "genesys_ucs_jvm_memory_used_bytes": "8137728",
    },
    "webitel": {
        "webitel_freeswitch_sessions_total": "11893",
        "webitel_freeswitch_active_sessions": "10",
        "webitel_freeswitch_sessions_peak": "20",
        "webitel_freeswitch_session_rate_peak": "37",
        "webitel_freeswitch_sessions_limit": "1000",
        "webitel_freeswitch_idle_cpu_ratio": "0.9593",
        "webitel_process_uptime_seconds": "520472",
    },
}


@pytest.mark.parametrize("system", PAGES)
def test_the_examples_of_vendors_pages_have_their_exact_values(system: str) -> None:
    golden = (DATA / "golden" / system / "00_page_example.prom").read_text(encoding="utf-8")
    shown = {
        line.partition("{")[0]: line.rpartition(" ")[2]
        for line in golden.splitlines()
        if not line.startswith("#")
    }

    assert {name: shown[name] for name in PAGES[system]} == PAGES[system]
