"""Queries use metrics that exist, every metric is shown, and queries follow Grafana's linter."""

import re
from typing import Any

import promql_parser as promql
import pytest

from bench import panel_queries as measured
from exporter.pipeline.render import TARGET_FAMILIES
from exporter.systems import SYSTEMS
from exporter.telemetry import Telemetry
from grafana.source import BOARDS
from grafana.source.words import (
    Board,
    Lines,
    Panel,
    Table,
    Timeline,
)
from support.dashboards import board_of, filled, panels_of, queries_of, written
from support.metric_names import faults, known_to_rules, names, recordings, selectors
from support.repository import ROOT

PAGE = ROOT / "docs" / "dashboards.md"
# What is chosen once has a subquery; fixed ranges are those of the alerts.
RANGES = {"$__rate_interval", "$__range", "$__range:$__interval", "5m", "10m", "15m", "1h"}


boards = pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
panels = pytest.mark.parametrize(
    "panel",
    [
        pytest.param(panel, id=f"{board.name}: {panel.title}")
        for board in BOARDS
        for panel in board.panels()
    ],
)


@boards
def test_everything_uses_the_data_source_variable(board: Board) -> None:
    dashboard = written(board)
    source = {"type": "prometheus", "uid": "${datasource}"}
    first = dashboard["templating"]["list"][0]

    assert (first["name"], first["label"], first["type"]) == (
        "datasource",
        "Data source",
        "datasource",
    )
    assert first["query"] == "prometheus"
    for panel in panels_of(dashboard):
        assert panel["datasource"] == source
        assert all(target["datasource"] == source for target in panel["targets"])
    for one in (*dashboard["templating"]["list"][1:], *dashboard["annotations"]["list"]):
        assert one.get("type") in {"custom", "textbox"} or one["datasource"] == source


@boards
def test_each_query_has_the_selected_job_and_instance(board: Board) -> None:
    variables = {one["name"]: one for one in written(board)["templating"]["list"]}

    for name in ("job", "instance", "target"):
        one = variables[name]
        assert (one["multi"], one["includeAll"], one["allValue"]) == (True, True, ".+")
        assert one["refresh"] == 2
        assert one["label"] == name.capitalize()
    for query in queries_of(written(board)):
        for selector in selectors(filled(query)):
            chosen = {one.name for one in selector.matchers.matchers}
            assert {"job", "instance"} & known_to_rules()[selector.name or ""].labels <= chosen


@boards
def test_rates_are_over_the_rate_interval_and_counters_are_only_in_rates(board: Board) -> None:
    for query in queries_of(written(board)):
        assert set(re.findall(r"\[([^\]]+)\]", query)) <= RANGES, query
        ranged = re.findall(r"(\w+)\([^()]*\[\$__range\]", query)
        assert set(ranged) <= {"present_over_time"}, query
        bare = re.sub(r"\b(?:rate|increase)\(\s*[a-z_]+_total\{[^}]*\}\[[^]]*\]\s*\)", "", query)
        # What has ended is left out of a sum by `and` with the counter itself.
        bare = re.sub(r"\band [a-z_]+_total\{[^}]*\}\)", "", bare)
        assert not re.search(r"[a-z]_total\b", bare), query


@panels
def test_a_graph_of_targets_has_at_most_the_selected_number_of_lines(panel: Panel) -> None:
    for query in panel.queries:
        if isinstance(panel, Timeline | Lines) and "{{target}}" in query.legend:
            assert "k($top, " in query.expr
        # Chosen at each point, they would be other series at each.
        for rank in re.findall(r"k\(\$top, (.*)", query.expr):
            assert rank.count("@ end()") >= 1


TABLES = [
    pytest.param(panel, id=f"{board.name}: {panel.title}")
    for board in BOARDS
    for panel in board.panels()
    if isinstance(panel, Table)
]


@pytest.mark.parametrize("panel", TABLES)
def test_a_table_has_a_column_for_each_query(panel: Table) -> None:
    letters = {chr(ord("A") + at) for at in range(len(panel.queries))}
    sources = [column.source for column in panel.columns]
    labels = {
        label
        for query in panel.queries
        for selector in selectors(filled(query.promql))
        for label in known_to_rules()[selector.name or ""].labels
    } | {"state", "freeswitch", "board"}

    assert len(set(sources)) == len(sources)
    assert {source for source in sources if source.isupper()} <= letters
    assert {source for source in sources if not source.isupper()} <= labels
    assert len({column.title for column in panel.columns}) == len(sources)
    assert panel.sort_by in {column.title for column in panel.columns}


@boards
def test_queries_use_existing_metrics_and_labels(board: Board) -> None:
    known = known_to_rules()
    for query in queries_of(written(board)):
        assert faults(filled(query), known) == []
    for variable in written(board)["templating"]["list"]:
        if variable["type"] == "query":
            found = re.fullmatch(r"label_values\((.+),(\w+)\)", variable["query"]["query"])
            assert found
            assert faults(f"sum by ({found[2]}) ({filled(found[1])})", known) == []


def asked(board: Board) -> set[str]:
    """Return the metrics of a board's queries, and those from which recording rules make them."""
    found = {name for query in queries_of(written(board)) for name in names(filled(query))}
    while (
        more := {
            name for rule in recordings() if rule["record"] in found for name in names(rule["expr"])
        }
        - found
    ):
        found |= more
    return found


@pytest.mark.parametrize("system", SYSTEMS.values(), ids=lambda system: system.name)
def test_each_metric_of_a_system_is_on_its_dashboard_or_omitted_on_purpose(system: Any) -> None:
    (board,) = [one for one in BOARDS if one.name == board_of(system.name)]
    families = {family.name for family in system.families}
    unused = {name for name, _ in board.unused}

    assert families - asked(board) == unused


def test_each_metric_of_the_exporter_is_shown_or_omitted_on_purpose() -> None:
    own = {family.name for family in TARGET_FAMILIES}
    for family in Telemetry().registry.collect():
        if family.name.startswith("status_exporter_"):
            suffix = {"counter": "_total", "info": "_info", "histogram": "_bucket"}
            own.add(family.name + suffix.get(family.type, ""))
    (board,) = [one for one in BOARDS if one.name == "exporter"]

    assert own - asked(board) == {name for name, _ in board.unused}


@boards
def test_restarts_and_changes_are_annotated(board: Board) -> None:
    text = " ".join(mark.promql for mark in board.marks)

    assert board.marks
    assert "changes(" in text or "resets(" in text
    for mark in board.marks:
        promql.parse(filled(mark.promql))


def test_the_benchmark_fills_in_each_variable() -> None:
    for board in BOARDS:
        for query in queries_of(written(board)):
            assert not re.search(r"\$[a-z_{]", measured.filled(query, 60, 6))


def test_the_measured_panels_exist_and_took_less_than_two_seconds() -> None:
    rows = re.findall(
        r"^\| ([^|]+) \| ([^|]+) \| ([\d.]+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE
    )
    there = {
        (board.title.rpartition(" / ")[2], title)
        for board in BOARDS
        for title in (
            *(panel.title for panel in board.panels()),
            *(f"{mark.name} (annotation)" for mark in board.marks if mark.is_shown),
        )
    }

    assert {(board, panel) for board, panel, _ in rows} == there
    assert max(float(seconds) for _, _, seconds in rows) < 2
