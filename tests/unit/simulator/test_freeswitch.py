"""FreeSWITCH counts attempts, not sessions, and its text has the format of its code."""

import re
from itertools import pairwise
from random import Random

import pytest

from exporter.simulator.freeswitch import FreeSwitch
from exporter.simulator.pace import Wave

NOON = 1710763200.0
QUIET = Wave(low=0.0, high=0.0)
BUSY = Wave(low=0.05, high=1.4)

TEXT = re.compile(
    r"UP \d+ years?, \d+ days?, \d+ hours?, \d+ minutes?, \d+ seconds?, "
    r"\d+ milliseconds?, \d+ microseconds?\n"
    r"FreeSWITCH \(Version 1\.10\.7\) is (not )?ready\n"
    r"\d+ session\(s\) since startup\n"
    r"\d+ session\(s\) - peak \d+, last 5min \d+ \n"
    r"-?\d+ session\(s\) per Sec out of max \d+, peak \d+, last 5min \d+ \n"
    r"\d+ session\(s\) max\n"
    r"min idle cpu \d+\.\d\d/\d+\.\d\d\n"
    r"Current Stack Size/Max 240K/\d+K\n"
)


class Switch:
    """A switch that is moved by the second."""

    def __init__(self, sessions: Wave = QUIET) -> None:
        self.one = FreeSwitch(Random(1), now=NOON, version="1.10.7", sessions=sessions)
        self.now = NOON

    def pass_second(self, attempts: int = 0, *, accepting: bool = True) -> int:
        """Let a second pass, and return how many sessions were accepted in it."""
        before = self.one.created
        self.one.burst = attempts
        self.now += 1
        self.one.live(self.now, accepting=accepting)
        return self.one.created - before


@pytest.fixture
def switch() -> Switch:
    return Switch()


@pytest.mark.parametrize(("attempts", "accepted"), [(0, 0), (1, 1), (29, 29), (30, 29), (37, 29)])
def test_attempts_from_the_limit_on_are_refused_and_counted(
    attempts: int, accepted: int, switch: Switch
) -> None:
    assert switch.pass_second(attempts) == accepted
    assert (switch.one.rate, switch.one.rate_peak_5min) == (attempts, attempts)
    assert switch.pass_second(5) == 5


def test_attempts_over_the_session_limit_are_counted(switch: Switch) -> None:
    switch.one.session_limit = 10

    assert switch.pass_second(25) == 10
    assert switch.one.rate == 25
    assert f"\n{switch.one.active} session(s) - peak 10, last 5min 10 \n" in switch.one.text(
        switch.now, ready=True
    )


def test_sessions_stay_below_their_peaks() -> None:
    switch = Switch(BUSY)
    seen = []
    for _ in range(900):
        switch.pass_second()
        one = switch.one
        assert one.active <= one.peak_5min <= one.peak
        assert one.rate <= one.rate_peak_5min <= one.rate_peak
        seen.append((one.active, one.peak_5min))
    assert len({active for active, _ in seen}) > 5
    # The window is cleared every 300 s, it does not slide.
    falls = [at for at, ((_, one), (_, two)) in enumerate(pairwise(seen)) if two < one]
    assert len({at % 300 for at in falls}) == 1


def test_a_restart_counts_from_0() -> None:
    switch = Switch(BUSY)
    assert switch.one.created > 100_000
    switch.one.restart(switch.now)
    text = switch.one.text(switch.now, ready=False)

    assert TEXT.fullmatch(text)
    assert text.splitlines()[1:4] == [
        "FreeSWITCH (Version 1.10.7) is not ready",
        "0 session(s) since startup",
        "0 session(s) - peak 0, last 5min 0 ",
    ]
