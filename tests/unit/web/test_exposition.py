"""The metrics page: formats, escapes, order; prometheus-client and promtool are the judges."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporter.declare.extraction import Extraction, Fault, Labels, Sample
from exporter.declare.family import open_metrics_name
from exporter.errors import PollError, Reason
from exporter.pipeline.render import TARGET_FAMILIES, value_text
from exporter.pipeline.snapshot import PollCounts, PollResult, Snapshot, take_snapshot
from exporter.settings import Target
from exporter.systems import SYSTEMS
from exporter.telemetry import Telemetry
from exporter.toolkit.negotiate import Format
from exporter.web.exposition import expose_own, expose_targets
from support.polling import NOW, make_target

REQUESTS_HELP = "Requests (request_today); restarts from 0 at UCS restart and each day."


def shown(
    target: Target, samples: tuple[Sample, ...], tally: PollCounts | None = None
) -> tuple[Target, Snapshot]:
    poll = PollResult(Extraction.of(samples, ()), duration=0.25, ended=NOW, taken=0.0)
    tally = tally or PollCounts(polls=3, failures={Reason.TIMEOUT: 2}, last_success=NOW)
    return target, take_snapshot(target, poll, tally)


def page(form: Format, *entries: tuple[Target, Snapshot]) -> str:
    own = expose_own(Telemetry().registry, form)
    return b"".join([*expose_targets(entries, form), own]).decode()


def target(name: str, system: str = "genesys_ucs", **labels: str) -> Target:
    base = make_target(system)
    return Target(
        **{field: getattr(base, field) for field in base.__dataclass_fields__}
        | {"name": name, "labels": labels}
    )


def test_families_are_grouped_with_one_help_and_type_each() -> None:
    text = page(
        Format.TEXT,
        shown(target("a"), (Sample("genesys_ucs_requests_total", (), 1.0),)),
        shown(target("m", "mdworkbench"), ()),
        shown(target("b"), (Sample("genesys_ucs_requests_total", (), 2.0),)),
    )
    start = text.index("# HELP genesys_ucs_requests_total")

    assert text[start:].splitlines()[:4] == [
        f"# HELP genesys_ucs_requests_total {REQUESTS_HELP}",
        "# TYPE genesys_ucs_requests_total counter",
        'genesys_ucs_requests_total{target="a"} 1',
        'genesys_ucs_requests_total{target="b"} 2',
    ]
    helps = [line for line in text.splitlines() if line.startswith("# HELP")]
    assert len(helps) == len({line.split()[2] for line in helps})


def test_the_order_does_not_follow_the_order_of_targets() -> None:
    one = shown(target("a"), (Sample("genesys_ucs_requests_total", (), 1.0),))
    two = shown(target("m", "mdworkbench"), (Sample("mdworkbench_resume_on_restart", (), 1.0),))

    def families(*entries: tuple[Target, Snapshot]) -> list[str]:
        pieces = b"".join(expose_targets(entries, Format.TEXT)).decode()
        return [line for line in pieces.splitlines() if line.startswith("#")]

    assert families(one, two) == families(two, one)


def test_a_family_without_series_has_no_header() -> None:
    assert "genesys_ucs_requests_total" not in page(Format.TEXT, shown(target("a"), ()))


def test_an_empty_page_still_names_the_exporter() -> None:
    text = page(Format.TEXT)

    assert "status_exporter_build_info{" in text
    assert "status_exporter_target_up" not in text


def test_openmetrics_names_families_without_their_suffix_and_ends_with_eof() -> None:
    samples = (
        Sample("genesys_ucs_requests_total", (), 1.0),
        Sample("genesys_ucs_info", (("version", "8"),), 1.0),
    )
    text = page(Format.OPENMETRICS, shown(target("a"), samples))

    assert "# TYPE genesys_ucs_requests counter\n" in text
    assert "# TYPE genesys_ucs info\n" in text
    assert text.endswith("# EOF\n")
    assert text.count("# EOF") == 1


@pytest.mark.parametrize("form", Format)
def test_a_family_of_the_exporter_without_samples_has_no_header(form: Format) -> None:
    telemetry = Telemetry()
    before = expose_own(telemetry.registry, form).decode()
    telemetry.dropped_items.labels("genesys_ucs").inc()
    after = expose_own(telemetry.registry, form).decode()

    assert "status_exporter_dropped_items" not in before
    assert 'status_exporter_dropped_items_total{system="genesys_ucs"} 1' in after
    asked = ["status_exporter_dropped_series_total", "status_exporter_dropped_series"]
    assert expose_own(telemetry.registry, form, asked) == expose_own(CollectorRegistry(), form)


def test_the_text_format_has_no_info_type() -> None:
    samples = (Sample("genesys_ucs_info", (("version", "8"),), 1.0),)

    assert "# TYPE genesys_ucs_info gauge\n" in page(Format.TEXT, shown(target("a"), samples))


def test_no_created_series_and_no_timestamps() -> None:
    text = page(Format.TEXT, shown(target("a"), (Sample("genesys_ucs_requests_total", (), 1.0),)))
    values = [line for line in text.splitlines() if not line.startswith("#")]

    assert "_created" not in text
    assert all(len(line[line.rindex("}") :].split()) == 2 for line in values if "}" in line)


def test_a_series_given_twice_is_kept_once_and_counted() -> None:
    samples = (
        Sample("genesys_ucs_requests_total", (), 1.0),
        Sample("genesys_ucs_requests_total", (), 2.0),
    )
    _, snapshot = shown(target("a"), samples)
    text = page(Format.TEXT, (target("a"), snapshot))

    assert snapshot.served.duplicates == 1
    assert 'genesys_ucs_requests_total{target="a"} 1\n' in text
    assert 'genesys_ucs_requests_total{target="a"} 2\n' not in text


def test_a_failed_poll_shows_nothing_of_the_vendor() -> None:
    poll = PollResult(PollError(Reason.TIMEOUT, "x"), duration=5.0, ended=NOW, taken=0.0)
    tally = PollCounts(polls=2, failures={Reason.TIMEOUT: 1}, last_success=NOW - 15)
    snapshot = take_snapshot(target("a"), poll, tally)
    lines = b"".join(expose_targets([(target("a"), snapshot)], Format.TEXT)).decode().splitlines()

    assert [line for line in lines if not line.startswith("#")] == [
        'status_exporter_target_up{target="a",system="genesys_ucs"} 0',
        'status_exporter_poll_duration_seconds{target="a"} 5',
        'status_exporter_polls_total{target="a"} 2',
        'status_exporter_poll_failures_total{target="a",reason="timeout"} 1',
        'status_exporter_last_success_timestamp_seconds{target="a"} 1710753149.25',
    ]


def test_faults_are_counted_on_the_target() -> None:
    reading = Extraction.of((), (Fault("a", "x"), Fault("b", "y")))
    poll = PollResult(reading, duration=0.1, ended=NOW, taken=0.0)
    snapshot = take_snapshot(target("a"), poll, PollCounts(polls=1))
    lines = b"".join(expose_targets([(target("a"), snapshot)], Format.TEXT)).decode()

    assert 'status_exporter_field_faults{target="a"} 2\n' in lines


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (1.0, "1"),
        (530907136.0, "530907136"),
        (2.0**53 - 1, "9007199254740991"),
        (2.0**53, "9007199254740992.0"),
        (1e300, "1e+300"),
        (0.9593, "0.9593"),
        (-0.1, "-0.1"),
        (5, "5"),
    ],
)
def test_values_are_written_short(value: float, expected: str) -> None:
    assert value_text(value) == expected


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_value_reads_back(value: float) -> None:
    assert float(value_text(value)) == value


label_values = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
finite = st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def entries(draw: st.DrawFn) -> list[tuple[Target, tuple[Sample, ...]]]:
    made = []
    for name in draw(st.lists(label_values, unique=True, max_size=3)):
        system = draw(st.sampled_from(sorted(SYSTEMS)))
        samples: dict[tuple[str, Labels], Sample] = {}
        for family in draw(st.lists(st.sampled_from(SYSTEMS[system].families))):
            labels = tuple((label, draw(label_values)) for label in family.labels)
            value = 1.0 if family.kind == "info" else draw(finite)
            if family.kind == "counter":
                value = abs(value)
            samples[family.name, labels] = Sample(family.name, labels, value)
        own = {"site": draw(label_values)} if draw(st.booleans()) else {}
        made.append((target(name, system, **own), tuple(samples.values())))
    return made


class Oracle:
    """Gives prometheus-client the same samples in its own data model."""

    def __init__(self, given: list[tuple[Target, tuple[Sample, ...]]]) -> None:
        self._given = given

    def collect(self) -> list[Metric]:
        # Once each: systems may share families.
        families = {f.name: f for name in sorted(SYSTEMS) for f in SYSTEMS[name].families}
        metrics = []
        for family in families.values():
            kind = {"info": "info"}.get(family.kind, family.kind)
            metric = Metric(open_metrics_name(family.name, family.kind), family.help, kind)
            for one, samples in self._given:
                base = {"target": one.name, **one.labels}
                for sample in samples:
                    if sample.family == family.name:
                        metric.add_sample(family.name, base | dict(sample.labels), sample.value)
            if metric.samples:
                metrics.append(metric)
        return metrics


def samples_of(families: Any) -> list[tuple[str, tuple[tuple[str, str], ...], float]]:
    own = {family.name for family in TARGET_FAMILIES}
    return sorted(
        (sample.name, tuple(sorted(sample.labels.items())), sample.value)
        for family in families
        for sample in family.samples
        if sample.name not in own
    )


def openmetrics_samples(text: str) -> list[tuple[str, tuple[tuple[str, str], ...], float]]:
    return samples_of(parse_openmetrics(text))  # type: ignore[no-untyped-call]


@given(entries())
def test_the_page_parses_to_what_prometheus_client_would_have_given(
    given: list[tuple[Target, tuple[Sample, ...]]],
) -> None:
    registry = CollectorRegistry()
    registry.register(Oracle(given))
    rendered = [shown(one, samples) for one, samples in given]
    text = b"".join(expose_targets(rendered, Format.TEXT)).decode()
    om_text = b"".join(expose_targets(rendered, Format.OPENMETRICS)).decode() + "# EOF\n"

    expected = samples_of(parse_text(generate_latest(registry).decode()))
    assert samples_of(parse_text(text)) == expected
    page = openmetrics.generate_latest(registry).decode()  # type: ignore[no-untyped-call]
    assert openmetrics_samples(om_text) == openmetrics_samples(page)


def test_the_oracle_can_disagree() -> None:
    """A page with another value does not pass for the same."""
    sample = Sample("genesys_ucs_requests_total", (), 1.0)
    other = Sample("genesys_ucs_requests_total", (), math.nextafter(1.0, 2.0))
    pages = [
        b"".join(expose_targets([shown(target("a"), (one,))], Format.TEXT)).decode()
        for one in (sample, other)
    ]

    assert samples_of(parse_text(pages[0])) != samples_of(parse_text(pages[1]))


def test_a_family_of_two_systems_has_one_header() -> None:
    sample = Sample("clanforge_server_allocated", (("serverid", "1"),), 1.0)
    one, fleet = target("one", "clanforge"), target("fleet", "clanforge_fleet")
    page = b"".join(
        expose_targets([shown(one, (sample,)), shown(fleet, (sample,))], Format.TEXT)
    ).decode()

    lines = [line for line in page.splitlines() if "clanforge_server_allocated" in line]
    assert [line.partition(" ")[0] for line in lines[:2]] == ["#", "#"]
    assert len(lines) == 4
