"""The rows of the benchmark: their goals can be missed, and what they measure exists."""

import re
from pathlib import Path

import pytest

from bench.__main__ import _ROWS
from bench.cost import COMPARISONS
from bench.figures import Peer, share_of, times_less
from bench.peers import PEERS
from bench.workbench import BASELINE
from support.repository import ROOT

TEMPLATE = (ROOT / "bench/README.template.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("ours", "met"), [((1.0, 2.0, 2.0), True), ((1.0, 4.0, 4.0), False)])
def test_a_share_is_compared_with_its_maximum(ours: tuple[float, ...], met: bool) -> None:
    peer = Peer("other", (10.0, 10.0, 10.0))

    line = share_of(peer, ours, row=1, what="x", unit="us", goal=0.3)

    assert (line.met, line.goal) == (met, "<= 0.3x")
    assert line.ratio.startswith("0.200x [0.100" if met else "0.400x [0.100")


def test_a_line_without_a_goal_has_no_verdict() -> None:
    line = share_of(Peer("other", (2.0,)), (1.0,), row=1, what="x", unit="us", goal=None)

    assert (line.ratio, line.goal, line.met) == ("0.500x", "", None)


@pytest.mark.parametrize(("theirs", "met"), [(500.0, True), (499.0, False)])
def test_times_less_is_compared_with_its_minimum(theirs: float, met: bool) -> None:
    line = times_less(Peer("other", (theirs,)), (10.0,), row=3, what="x", unit="ms", goal=50)

    assert line.met is met


def test_the_page_explains_the_rows_with_other_programs_and_how_to_get_these() -> None:
    programs = {name for one in COMPARISONS for name in one.goals}
    explained = {
        int(row) for row in re.findall(r"\d+", " ".join(re.findall(r"\*\*Row.*?\*\*", TEMPLATE)))
    }

    assert programs == {*PEERS, BASELINE}
    assert programs <= set(re.findall(r"^\| (\w+) \|", TEMPLATE, re.MULTILINE))
    # Row 7 needs no explanation.
    assert explained == set(_ROWS) - {7}


def test_programs_are_found_in_the_tools_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("bench.peers._TOOLS", [str(tmp_path / "tool")])
    telegraf = tmp_path / "tool/telegraf"

    assert PEERS["telegraf"].path() is None
    assert "not installed" in PEERS["telegraf"].describe()
    telegraf.parent.mkdir()
    telegraf.write_text("#!/bin/sh\necho Telegraf 1.2.3\n")
    telegraf.chmod(0o755)
    assert PEERS["telegraf"].path() == str(telegraf)
    assert PEERS["telegraf"].describe() == "1.2.3"
