"""The verdicts of the soak can fail."""

from dataclasses import replace

import pytest

from soak.figures import Page, judge

INTERVAL = 1.0
OWN = {
    "status_exporter_late_polls_total": 0.0,
    "status_exporter_loop_lag_seconds_count": 100.0,
    "status_exporter_loop_lag_seconds_sum": 0.1,
}
HELD = [{"resident": 60 * 2**20, "files": 50, "threads": 2, "tasks": 4, "timers": 4}] * 30
LOG = ['{"level": "warn", "msg": "target down"}']


def page(moment: float, polls: float) -> Page:
    both = frozenset({"a", "b"})
    counts = {"a": polls, "b": polls}
    own = {**OWN, "status_exporter_loop_lag_seconds_count": 100.0 + moment}
    return Page(moment=moment, polls=counts, up=both, shown=both, own=own)


GOOD = [page(0.0, 5.0), page(50.0, 30.0), page(100.0, 55.0)]


def failing(pages: list[Page], held: list[dict[str, int]], log: list[str]) -> set[str]:
    figures = judge(pages, held, log, targets=2, interval=INTERVAL)
    return {figure.name for figure in figures if not figure.holds}


def test_a_good_run_holds() -> None:
    assert failing(GOOD, HELD, LOG) == set()


def grown(name: str) -> list[dict[str, int]]:
    return [{**one, name: one[name] * (1 + at)} for at, one in enumerate(HELD)]


@pytest.mark.parametrize("name", HELD[0])
def test_what_grows_is_told(name: str) -> None:
    assert failing(GOOD, grown(name), LOG) == {name}


PAGES = {
    "targets missing from a page": replace(
        GOOD[1], polls={"a": 30.0}, up=frozenset("a"), shown=frozenset("a")
    ),
    "down with series, or up without": replace(GOOD[1], shown=frozenset("a")),
    "targets up, least and most": replace(GOOD[1], up=frozenset(), shown=frozenset()),
    "counters that fell": replace(GOOD[1], polls={"a": 30.0, "b": 1.0}),
}


@pytest.mark.parametrize(("name", "wrong"), PAGES.items(), ids=PAGES)
def test_a_page_that_is_wrong_is_told(name: str, wrong: Page) -> None:
    assert failing([GOOD[0], wrong, GOOD[2]], HELD, LOG) == {name}


LAST = {
    "late polls": replace(GOOD[2], own={**GOOD[2].own, "status_exporter_late_polls_total": 9.0}),
    "loop lag, mean of the ticks": replace(
        GOOD[2], own={**GOOD[2].own, "status_exporter_loop_lag_seconds_sum": 99.0}
    ),
}


@pytest.mark.parametrize(("name", "wrong"), LAST.items(), ids=LAST)
def test_an_end_that_is_wrong_is_told(name: str, wrong: Page) -> None:
    assert failing([GOOD[0], GOOD[1], wrong], HELD, LOG) == {name}


def test_a_target_that_is_asked_too_seldom_is_told() -> None:
    pages = [replace(one, polls={**one.polls, "b": 5.0 + at}) for at, one in enumerate(GOOD)]

    assert failing(pages, HELD, LOG) == {"polls of the target asked least"}


def test_a_target_that_is_never_up_is_told() -> None:
    pages = [replace(one, up=frozenset("a"), shown=frozenset("a")) for one in GOOD]

    assert failing(pages, HELD, LOG) == {"targets never up"}


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ('{"level": "error", "msg": "poll crashed"}', "errors and tracebacks in the log"),
        (
            '{"level": "warn", "msg": "x", "traceback": "y"}',
            "errors and tracebacks in the log",
        ),
        ("Traceback (most recent call last):", "log lines that are none"),
    ],
)
def test_a_log_with_what_nobody_wants_is_told(line: str, name: str) -> None:
    assert failing(GOOD, HELD, [*LOG, line]) == {name}
