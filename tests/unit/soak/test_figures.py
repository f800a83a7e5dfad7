"""The verdicts of the soak can fail."""

from dataclasses import replace

import pytest

from soak.scraped_pages import Page, read_page
from soak.verdicts import Run, judge

INTERVAL = 1.0
OWN = {
    "status_exporter_late_polls_total": 0.0,
    "status_exporter_loop_lag_seconds_count": 100.0,
    "status_exporter_loop_lag_seconds_sum": 0.1,
}
HELD = [{"resident": 60 * 2**20, "files": 50, "threads": 2, "tasks": 4, "timers": 4}] * 30
LOG = ['{"level": "warn", "msg": "target down"}']


def page(moment: float, polls: float) -> Page:
    both = frozenset({"a", "steady-1"})
    counts = {"a": polls, "steady-1": 3 * polls}
    own = {**OWN, "status_exporter_loop_lag_seconds_count": 100.0 + moment}
    return Page(moment=moment, polls=counts, up=both, shown=both, own=own, values={"late-3": 3.0})


GOOD = [page(0.0, 5.0), page(50.0, 30.0), page(100.0, 55.0)]
RUN = Run(targets=2, interval=INTERVAL, pages=GOOD, unreadable=(), held=HELD, log=LOG, ending=0.5)


def failing(run: Run) -> set[str]:
    return {figure.name for figure in judge(run) if not figure.holds}


def test_a_good_run_holds() -> None:
    assert failing(RUN) == set()


def grown(name: str) -> list[dict[str, int]]:
    return [{**one, name: one[name] * (1 + at)} for at, one in enumerate(HELD)]


@pytest.mark.parametrize("name", HELD[0])
def test_growth_fails(name: str) -> None:
    more = {"resident, peak"} if name == "resident" else set()

    assert failing(replace(RUN, held=grown(name))) == {name, *more}


def test_memory_that_peaks_fails() -> None:
    peak = {**HELD[0], "resident": 500 * 2**20}

    assert failing(replace(RUN, held=[*HELD, peak])) == {"resident, peak"}


ALONE = frozenset({"steady-1"})
PAGES = {
    "targets missing from a page": replace(
        GOOD[1], polls={"steady-1": 90.0}, up=ALONE, shown=ALONE
    ),
    "down with series, or up without": replace(GOOD[1], shown=ALONE),
    "counters that fell": replace(GOOD[1], polls={"a": 1.0, "steady-1": 90.0}),
    "steady targets that were down": replace(GOOD[1], up=frozenset("a"), shown=frozenset("a")),
    "answers to another request": replace(GOOD[1], values={"late-3": -1.0}),
}


@pytest.mark.parametrize(("name", "wrong"), PAGES.items(), ids=PAGES)
def test_a_wrong_page_fails(name: str, wrong: Page) -> None:
    assert failing(replace(RUN, pages=[GOOD[0], wrong, GOOD[2]])) == {name}


def test_a_page_without_targets_that_are_up_fails() -> None:
    empty = replace(GOOD[1], up=frozenset(), shown=frozenset())

    assert failing(replace(RUN, pages=[GOOD[0], empty, GOOD[2]])) == {
        "targets up",
        "steady targets that were down",
    }


LAST = {
    "late polls": replace(GOOD[2], own={**GOOD[2].own, "status_exporter_late_polls_total": 99.0}),
    "loop lag, mean of the ticks": replace(
        GOOD[2], own={**GOOD[2].own, "status_exporter_loop_lag_seconds_sum": 99.0}
    ),
    "polls of the target polled least": replace(GOOD[2], polls={**GOOD[2].polls, "a": 6.0}),
    "polls of the steady target polled least": replace(
        GOOD[2], polls={**GOOD[2].polls, "steady-1": 15.0 + 98.0}
    ),
}


@pytest.mark.parametrize(("name", "wrong"), LAST.items(), ids=LAST)
def test_a_wrong_end_fails(name: str, wrong: Page) -> None:
    pages = [GOOD[0], replace(GOOD[1], polls=GOOD[0].polls), wrong]

    assert failing(replace(RUN, pages=pages)) == {name}


def test_a_target_that_is_never_up_fails() -> None:
    pages = [replace(one, up=ALONE, shown=ALONE) for one in GOOD]

    assert failing(replace(RUN, pages=pages)) == {"targets never up"}


def test_a_server_that_stalls_need_not_be_up() -> None:
    pages = [replace(one, polls={**one.polls, "stall-0": one.polls["a"]}) for one in GOOD]

    assert failing(replace(RUN, targets=3, pages=pages)) == set()


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ('{"level": "error", "msg": "poll crashed"}', "errors and tracebacks in the log"),
        (
            '{"level": "warn", "msg": "x", "traceback": "y"}',
            "errors and tracebacks in the log",
        ),
        ("Traceback (most recent call last):", "lines in the log that are not JSON"),
    ],
)
def test_a_log_with_an_error_fails(line: str, name: str) -> None:
    assert failing(replace(RUN, log=[*LOG, line])) == {name}


@pytest.mark.parametrize("ending", [5.1, None])
def test_a_slow_end_fails(ending: float | None) -> None:
    assert failing(replace(RUN, ending=ending)) == {"end after SIGTERM"}


def test_a_page_that_cannot_be_read_fails() -> None:
    assert failing(replace(RUN, unreadable=["text/plain: x"])) == {"pages that cannot be read"}


def test_a_run_without_pages_fails() -> None:
    assert failing(replace(RUN, pages=[])) == {"pages read"}


def test_a_page_is_read() -> None:
    text = """\
status_exporter_target_up{target="late-1",system="soak"} 1
status_exporter_target_up{target="b",system="soak"} 0
status_exporter_polls_total{target="late-1"} 7
soak_value{target="late-1"} 1
status_exporter_late_polls_total 2
"""

    page = read_page(text, 3.0, openmetrics=False)

    assert page == Page(
        moment=3.0,
        polls={"late-1": 7.0, "b": 0.0},
        up=frozenset({"late-1"}),
        shown=frozenset({"late-1"}),
        own={"status_exporter_late_polls_total": 2.0},
        values={"late-1": 1.0},
    )


@pytest.mark.parametrize("wrong", ["soak_value{target=", 'soak_value{target="a"} x'])
def test_an_invalid_page_is_reported(wrong: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read_page(wrong, 0.0, openmetrics=False)
