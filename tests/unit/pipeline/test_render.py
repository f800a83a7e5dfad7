"""Lines that are cached between polls are those of the last poll."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.declare.extraction import Extraction, Sample
from exporter.errors import PollError, Reason
from exporter.pipeline import snapshot as snapshot_module
from exporter.pipeline.render import Block, _value_texts, base_labels, value_text
from exporter.pipeline.snapshot import (
    NO_SERIES,
    PollCounts,
    PollResult,
    Snapshot,
    layout_of,
    redact_series,
    serve,
    take_snapshot,
)
from support.polling import NOW, lines_of, make_target

TARGET = make_target("mdworkbench")
SYSTEM = TARGET.system
# Few of each, so that the next poll often repeats some of the last one.
samples = st.builds(
    lambda family, text, value: Sample(
        family.name, tuple((label, text) for label in family.labels), value
    ),
    st.sampled_from(SYSTEM.families),
    st.sampled_from(["active", "waiting", 'a"b\\c\nd']),
    st.sampled_from([0.0, 1.0, 2.5, 1e300]),
)
outcomes = st.lists(samples, max_size=6).map(Extraction.of) | st.sampled_from(list(Reason)).map(
    lambda reason: PollError(reason, "why")
)
polls = st.tuples(outcomes, st.sampled_from([0.1, 0.25]), st.none() | st.integers(0, 2))


class Source:
    """A target whose snapshot the test sets."""

    base = base_labels(TARGET)

    def __init__(self) -> None:
        self.snapshot: Snapshot | None = None
        self.block: Block | None = None


class Outcome(NamedTuple):
    number: int
    source: int
    poll: tuple[Extraction | PollError, float, int | None]


@given(st.lists(st.tuples(st.integers(0, 2), polls), min_size=1, max_size=8))
def test_lines_that_are_kept_are_those_of_a_fresh_page(
    given: list[tuple[int, tuple[Extraction | PollError, float, int | None]]],
) -> None:
    sources = [Source() for _ in range(3)]
    block = Block(SYSTEM, sources[:1])
    for source in sources[1:]:
        block.add(source)
    last = NO_SERIES
    for number, (at, (outcome, duration, unmapped)) in enumerate(given, 1):
        counts = PollCounts(polls=number, failures={"tls": number // 2}, last_success=NOW)
        poll = PollResult(outcome, duration, NOW, 0.0)
        snapshot = take_snapshot(TARGET, poll, counts, last=last, unmapped=unmapped)
        last = snapshot.served if snapshot.up else last
        sources[at].snapshot = snapshot
        if number % 2:  # Not each poll is scraped.
            continue
        block.refresh()
        fresh = Block(SYSTEM, sources)
        fresh.refresh()

        assert block.families == fresh.families


numbers = st.floats(allow_nan=False) | st.integers(-(2**60), 2**60).map(float)
decimals = st.decimals(-1000, 1000, places=6, allow_nan=False).map(float)


@given(st.lists(numbers, min_size=1) | st.lists(decimals, min_size=1))
def test_values_are_written_alike_singly_and_together(values: list[float]) -> None:
    assert [str(text) for text in _value_texts(values)] == [value_text(one) for one in values]


@pytest.mark.parametrize("value", [-0.0, 1e-4, 9.9e-5, 10.00005, 2.0**53, 1e16, math.inf])
def test_a_rare_value_changes_no_other(value: float) -> None:
    values = [0.5, value, 3.0, -0.25]

    assert [str(text) for text in _value_texts(values)] == [value_text(one) for one in values]


def test_lines_of_values_that_did_not_change_are_kept() -> None:
    source = Source()
    block = Block(SYSTEM, [source])
    read = Extraction.of((Sample("mdworkbench_resume_on_restart", (), 1.0),))
    first = take_snapshot(TARGET, PollResult(read, 0.1, NOW, 0.0), PollCounts(polls=1))
    source.snapshot = first
    block.refresh()
    before = block.families[: len(SYSTEM.families)]
    source.snapshot = take_snapshot(
        TARGET, PollResult(read, 0.1, NOW, 0.0), PollCounts(polls=2), last=first.served
    )
    block.refresh()
    after = block.families[: len(SYSTEM.families)]

    assert any(before)
    for one, other in zip(before, after, strict=True):
        assert one is other


class SharedSource(Source):
    """Runs a function between the beginning of a rendering and its first look at a snapshot."""

    meanwhile: Callable[[], None] | None = None

    @property
    def base(self) -> str:  # type: ignore[override]
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile:
            meanwhile()
        return base_labels(TARGET)


def test_scrapes_that_render_a_block_at_the_same_time_keep_no_old_lines() -> None:
    source = SharedSource()
    block = Block(SYSTEM, [source])
    last = NO_SERIES
    for number in range(3):
        sample = Sample("mdworkbench_resume_on_restart", (), float(number > 0))
        poll = PollResult(Extraction.of((sample,)), 0.1, NOW, 0.0)
        source.snapshot = take_snapshot(TARGET, poll, PollCounts(polls=number), last=last)
        last = source.snapshot.served
        if number == 1:
            source.meanwhile = block.refresh
        block.refresh()
    fresh = Block(SYSTEM, [source])
    fresh.refresh()

    assert [*block.families] == [*fresh.families]


def test_a_target_that_is_added_during_a_rendering_is_rendered_next() -> None:
    source = SharedSource()
    read = Extraction.of((Sample("mdworkbench_resume_on_restart", (), 1.0),))
    source.snapshot = take_snapshot(TARGET, PollResult(read, 0.1, NOW, 0.0), PollCounts(polls=1))
    block = Block(SYSTEM, [source])
    source.meanwhile = lambda: block.add(Source())
    block.refresh()

    assert block.is_stale


def test_a_percent_sign_in_a_label_is_written_once() -> None:
    target = replace(TARGET, labels={"share": "5%s"})
    family = SYSTEM.families[0].name
    read = Extraction.of((Sample(family, (("state", "%d%%"),), 0.5),))
    page = lines_of(target, take_snapshot(target, PollResult(read, 0.1, NOW, 0.0), PollCounts()))

    assert 'share="5%s",state="%d%%"} 0.5' in page


def test_series_that_are_the_same_once_redacted_are_served_once() -> None:
    series = tuple(("mdworkbench_server_state", (("state", text),)) for text in ("hunter22", "b"))
    both = (*series, ("mdworkbench_server_state", (("state", "<secret>"),)))
    served = serve(both, SYSTEM, ["hunter22"])

    assert served.series == (
        ("mdworkbench_server_state", (("state", "<secret>"),)),
        ("mdworkbench_server_state", (("state", "b"),)),
    )
    assert served.duplicates == 1
    assert served.values(Extraction(both, (1.0, 2.0, 3.0))) == (1.0, 2.0)


def test_names_are_never_redacted() -> None:
    series = (("mdworkbench_server_state", (("state", "active"),)),)

    assert serve(series, SYSTEM, ["state", "mdworkbench"]).series == series


def test_series_beyond_the_bytes_of_a_target_are_dropped_and_counted() -> None:
    family = SYSTEM.families[0].name
    texts = [f"{number}{'é' * 250}" for number in range(8000)]
    series = [Sample(family, (("state", text),), 1.0) for text in texts]
    target = replace(TARGET, max_series=8000, labels={"site": "x" * 500})
    poll = PollResult(Extraction.of(series), 0.1, NOW, 0.0)
    snapshot = take_snapshot(target, poll, PollCounts(polls=1))
    page = lines_of(target, snapshot)
    shown = sum(line.startswith(f"{family}{{") for line in page.splitlines())

    assert 1000 < shown < 8000
    assert len(page.encode()) < 8000 * 256
    assert (len(snapshot.values), snapshot.served.dropped) == (shown, 8000 - shown)
    assert snapshot.served.duplicates == 0


def test_a_target_of_few_series_may_have_long_lines() -> None:
    family = SYSTEM.families[0].name
    series = [Sample(family, (("state", f"{at}{'x' * 256}"),), 1.0) for at in range(100)]
    poll = PollResult(Extraction.of(series), 0.1, NOW, 0.0)
    snapshot = take_snapshot(replace(TARGET, max_series=100), poll, PollCounts(polls=1))

    assert (len(snapshot.values), snapshot.served.kept, snapshot.served.dropped) == (100, None, 0)


def test_layouts_of_long_lists_are_not_kept() -> None:
    names = [family.name for family in SYSTEM.families]
    kept = snapshot_module._shared_layout.cache_info().currsize
    for number in range(10):
        layout = layout_of(SYSTEM, (*names, *names[:1] * (20_000 + number)))
        assert layout.by_family[0] == [0, *range(len(names), len(layout.families))]
        assert layout.by_family[1] == [1]

    assert snapshot_module._shared_layout.cache_info().currsize == kept
    assert layout_of(SYSTEM, tuple(names)) is layout_of(SYSTEM, tuple(names))


def test_a_secret_in_one_text_of_many_is_redacted() -> None:
    name = SYSTEM.families[0].name
    texts = [*map(str, range(100)), "a hunter22 b", "a hunt..."]
    series = tuple((name, (("state", text),)) for text in texts)
    found = [labels[0][1] for _, labels in redact_series(series, ["hunter22"])]

    assert found == [*map(str, range(100)), "a <secret> b", "a <secret>"]
    harmless = series[:100]
    assert redact_series(harmless, ["hunter22"]) is harmless
