"""The dashboards are current, tidy, follow the rules of Grafana's linter, and name what exists."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser as promql
import pytest

from exporter.pipeline.render import TARGET_FAMILIES
from exporter.systems import SYSTEMS
from exporter.telemetry import Telemetry
from grafana.source import BOARDS
from grafana.source.build import build, text_of
from grafana.source.page import page
from grafana.source.words import WHOLE, Board, Panel
from support.dashboards import FOLDER, VARIABLES, Json, panels_of, written
from support.metric_names import exported, faults, names, selectors
from support.paths import ROOT

PAGE = ROOT / "docs" / "dashboards.md"

# Units of Grafana that are in use here; a misspelt one would show as text behind the figure.
UNITS = {"bytes", "cps", "dtdurations", "none", "percentunit", "reqps", "s", "short"}
COLORS = {"green", "yellow", "orange", "red", "blue", "purple", "text"}


def filled(query: str) -> str:
    for variable, value in VARIABLES.items():
        query = query.replace(variable, value)
    assert not re.search(r"\$[a-z_]", query)
    return query


def named(one: Board) -> str:
    return one.name


boards = pytest.mark.parametrize("board", BOARDS, ids=named)
panels = pytest.mark.parametrize(
    "panel",
    [
        pytest.param(panel, id=f"{board.name}: {panel.title}")
        for board in BOARDS
        for panel in board.panels()
    ],
)


def queries_of(dashboard: Json) -> Iterator[str]:
    for panel in panels_of(dashboard):
        yield from (target["expr"] for target in panel["targets"])
    yield from (mark["expr"] for mark in dashboard["annotations"]["list"])


@boards
def test_a_dashboard_is_that_of_its_source(board: Board, renew: bool) -> None:
    path = FOLDER / f"{board.name}.json"
    if renew:
        path.write_text(text_of(board), encoding="utf-8")

    assert path.read_text(encoding="utf-8") == text_of(board)


def test_the_page_about_dashboards_is_that_of_their_source(renew: bool) -> None:
    if renew:
        PAGE.write_text(page(BOARDS), encoding="utf-8")

    assert PAGE.read_text(encoding="utf-8") == page(BOARDS)


def test_no_dashboard_is_left_over() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == {board.name for board in BOARDS}


def board_of(system: str) -> str:
    """Return which dashboard a system has; that of a fleet is that of its servers."""
    return system.removesuffix("_fleet")


def test_there_is_a_dashboard_for_each_system() -> None:
    assert {board_of(name) for name in SYSTEMS} <= {board.name for board in BOARDS}


# What follows are the rules of grafana/dashboard-linter.


@boards
def test_the_data_source_is_a_variable_and_everything_uses_it(board: Board) -> None:
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
        assert one.get("type") == "custom" or one["datasource"] == source


@boards
def test_job_and_instance_can_be_chosen_and_each_query_keeps_to_the_choice(board: Board) -> None:
    variables = {one["name"]: one for one in written(board)["templating"]["list"]}

    for name in ("job", "instance", "target"):
        one = variables[name]
        assert (one["multi"], one["includeAll"], one["allValue"]) == (True, True, ".+")
        assert one["refresh"] == 2
        assert one["label"] == name.capitalize()
    for query in queries_of(written(board)):
        # An alert may be about a whole job, and then has no instance and no target.
        text = query.replace('"$job|"', '"$job"').replace('"$instance|"', '"$instance"')
        found = text.count("{") - text.count("{}")
        assert text.count('job=~"$job",instance=~"$instance"') == found, query
        assert len(selectors(filled(query))) == found, query


@boards
def test_rates_are_over_the_rate_interval_and_counters_are_only_in_rates(board: Board) -> None:
    for query in queries_of(written(board)):
        ranges = re.findall(r"\[([^\]]+)\]", query)
        assert set(ranges) <= {"$__rate_interval", "$__range"}, query
        assert query.count("[$__range]") == query.count("present_over_time(")
        bare = re.sub(r"\b(?:rate|increase)\(\s*[a-z_]+_total\{[^}]*\}\[[^]]*\]\s*\)", "", query)
        assert not re.search(r"[a-z]_total\b", bare), query


@panels
def test_a_panel_says_what_it_shows(panel: Panel) -> None:
    assert panel.title[:1].isupper()
    assert panel.description.endswith(".")
    assert len(panel.description) > 15
    assert panel.queries
    assert {panel.unit, *(column.unit for column in panel.columns)} <= UNITS
    steps = {step.color for step in panel.steps}
    words = {word.color for word in panel.words}
    assert {panel.base} | steps | words <= COLORS


@panels
def test_a_figure_or_state_has_colours_that_mean_something(panel: Panel) -> None:
    steps = [step.value for step in panel.steps]

    assert steps == sorted(steps)
    if panel.kind == "stat":
        assert panel.steps or panel.base == "text"
    if panel.kind == "timeline":
        assert len(panel.words) >= 2
        assert len({word.color for word in panel.words}) == len(panel.words)


@panels
def test_a_graph_of_targets_has_no_more_lines_than_chosen(panel: Panel) -> None:
    for query in panel.queries:
        if panel.kind == "timeline" and "{{target}}" in query.legend:
            assert query.expr.startswith(("topk($top,", "bottomk($top,"))
        if panel.kind in {"lines", "stack"}:
            bound = re.match(r"(?:topk|bottomk)\(\$top,", query.expr)
            assert bound or "{{target}}" not in query.legend


@panels
def test_a_table_has_a_column_for_what_it_asks(panel: Panel) -> None:
    letters = {chr(ord("A") + at) for at in range(len(panel.queries))}
    sources = [column.source for column in panel.columns]
    labels = {
        label
        for query in panel.queries
        for selector in selectors(filled(query.promql))
        for label in exported()[selector.name or ""].labels
    } | {"state", "freeswitch", "board"}

    assert len(set(sources)) == len(sources)
    assert {source for source in sources if source.isupper()} <= letters
    assert {source for source in sources if not source.isupper()} <= labels
    assert len({column.title for column in panel.columns}) == len(sources)
    if panel.sort_by:
        assert panel.sort_by in {column.title for column in panel.columns}


@boards
def test_titles_ids_and_uids_are_unique_and_links_keep_the_choice(board: Board) -> None:
    dashboard = written(board)
    ids = [panel["id"] for panel in dashboard["panels"]]
    titles = [panel.title for panel in board.panels()]

    assert len(set(ids)) == len(ids)
    assert len(set(titles)) == len(titles)
    assert len({one.uid for one in BOARDS}) == len(BOARDS)
    assert re.fullmatch(r"[a-z_-]{1,40}", dashboard["uid"])
    assert dashboard["id"] is None
    assert "version" not in dashboard
    assert dashboard["editable"] is False
    (link,) = dashboard["links"]
    assert (link["includeVars"], link["keepTime"]) == (True, True)
    assert set(link["tags"]) <= set(dashboard["tags"])


def test_the_uids_are_those_of_before() -> None:
    assert [board.uid for board in BOARDS] == [
        "status-exporter-overview",
        "status-exporter-genesys_ucs",
        "status-exporter-webitel",
        "status-exporter-mdworkbench",
        "status-exporter-clanforge",
        "status-exporter-exporter",
    ]


def test_a_target_on_the_overview_leads_to_a_dashboard_that_is_there() -> None:
    text = (FOLDER / "overview.json").read_text(encoding="utf-8")
    (path,) = re.findall(r'"/d/([^?]+)\?[^"]*"', text)

    (pattern,) = set(re.findall(r'\\"system\\", \\"([^"]+)\\"\)', text))
    uids = set()
    for name in SYSTEMS:
        match = re.fullmatch(pattern, name)
        assert match
        assert match[1] == board_of(name)
        uids.add(path.replace("${__data.fields.board}", match[1]))

    assert uids <= {board.uid for board in BOARDS}
    for kept in ("${datasource:queryparam}", "${job:queryparam}", "${__url_time_range}"):
        assert kept in text


@boards
def test_panels_fill_their_rows_and_do_not_overlap(board: Board) -> None:
    for section in board.sections:
        for row in section.rows:
            assert sum(panel.width for panel in row.panels) == WHOLE
    taken: set[tuple[int, int]] = set()
    for panel in written(board)["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not taken & cells
        taken |= cells
    bottom = max(y for _, y in taken) + 1
    assert taken == {(x, y) for x in range(WHOLE) for y in range(bottom)}


@boards
def test_the_most_important_comes_first(board: Board) -> None:
    first = board.sections[0]

    assert first.title == "Now"
    assert {panel.kind for panel in first.rows[0].panels} == {"stat"}


# What is asked for exists, and what exists is shown.


@boards
def test_no_query_names_what_does_not_exist(board: Board) -> None:
    known = exported()
    for query in queries_of(written(board)):
        assert faults(filled(query), known) == []
    for variable in written(board)["templating"]["list"]:
        if variable["type"] == "query":
            found = re.fullmatch(r"label_values\((.+),(\w+)\)", variable["query"]["query"])
            assert found
            assert faults(f"sum by ({found[2]}) ({filled(found[1])})", known) == []


def asked(board: Board) -> set[str]:
    return {name for query in queries_of(written(board)) for name in names(filled(query))}


@pytest.mark.parametrize("system", SYSTEMS.values(), ids=lambda system: system.name)
def test_each_metric_of_a_system_is_on_its_dashboard_or_left_out_on_purpose(system: Any) -> None:
    (board,) = [one for one in BOARDS if one.name == board_of(system.name)]
    families = {family.name for family in system.families}
    unused = {name for name, _ in board.unused}

    assert families - asked(board) == unused


def test_each_metric_of_the_exporter_is_shown_or_left_out_on_purpose() -> None:
    own = {family.name for family in TARGET_FAMILIES}
    for family in Telemetry().registry.collect():
        if family.name.startswith("status_exporter_"):
            suffix = {"counter": "_total", "info": "_info", "histogram": "_bucket"}
            own.add(family.name + suffix.get(family.type, ""))
    (board,) = [one for one in BOARDS if one.name == "exporter"]

    assert own - asked(board) == {name for name, _ in board.unused}


@boards
def test_marks_are_there_for_restarts_and_changes(board: Board) -> None:
    text = " ".join(mark.promql for mark in board.marks)

    assert board.marks
    assert "changes(" in text or "resets(" in text
    for mark in board.marks:
        promql.parse(filled(mark.promql))


def test_one_command_writes_the_form_of_grafana_com(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "grafana.source", "--grafana.com", str(tmp_path)]
    subprocess.run(command, check=True, cwd=ROOT, timeout=60)

    assert {path.stem for path in tmp_path.iterdir()} == {board.name for board in BOARDS}
    for board in BOARDS:
        text = (tmp_path / f"{board.name}.json").read_text(encoding="utf-8")
        found = json.loads(text)
        kinds = {panel["type"] for panel in panels_of(found)}
        assert found["__inputs"][0]["name"] == "DS_PROMETHEUS"
        assert found["__inputs"][0]["pluginId"] == "prometheus"
        assert {one["id"] for one in found["__requires"]} == {"grafana", "prometheus", *kinds}
        assert "${datasource" not in text
        assert found["panels"][1]["datasource"]["uid"] == "${DS_PROMETHEUS}"
        assert len(found["panels"]) == len(build(board)["panels"])
