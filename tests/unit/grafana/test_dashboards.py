"""The dashboards match their source, and each panel has units, colours, texts and a position."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from grafana.source import BOARDS
from grafana.source.classic import build, text_of
from grafana.source.dashboard_page import page
from grafana.source.listings import LISTINGS, listing
from grafana.source.words import (
    MAINTENANCE,
    RED,
    WHOLE,
    Board,
    Panel,
    Stat,
    Table,
    Timeline,
)
from support.dashboards import FOLDER, panels_of, written
from support.repository import ROOT

PAGE = ROOT / "docs" / "dashboards.md"

# Units of Grafana that are in use here; a misspelt one would show as text behind the figure.
UNITS = {"bytes", "dtdurations", "locale", "none", "percentunit", "reqps", "s", "short"}
COLORS = {"green", "yellow", "orange", "red", "blue", "light-blue", "purple", "text"}


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
def test_a_dashboard_matches_its_source(board: Board, renew: bool) -> None:
    path = FOLDER / f"{board.name}.json"
    if renew:
        path.write_text(text_of(board), encoding="utf-8")

    assert path.read_text(encoding="utf-8") == text_of(board)


def test_the_document_of_the_dashboards_matches_their_source(renew: bool) -> None:
    if renew:
        PAGE.write_text(page(BOARDS), encoding="utf-8")

    assert PAGE.read_text(encoding="utf-8") == page(BOARDS)


@pytest.mark.parametrize("path", LISTINGS, ids=lambda path: path.name)
def test_a_file_that_lists_dashboards_has_each(path: Path, renew: bool) -> None:
    expected = listing(path, BOARDS)
    if renew:
        path.write_text(expected, encoding="utf-8")

    assert path.read_text(encoding="utf-8") == expected
    assert all(f"dashboards/{board.name}.json" in expected for board in BOARDS)


def test_each_dashboard_has_a_source() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == {board.name for board in BOARDS}


@panels
def test_a_panel_has_a_title_a_description_and_a_known_unit(panel: Panel) -> None:
    assert panel.title[:1].isupper()
    assert panel.description.endswith(".")
    assert len(panel.description) > 15
    assert panel.queries
    assert panel.empty
    columns = panel.columns if isinstance(panel, Table) else ()
    units = {panel.unit, *(column.unit for column in columns)}
    assert {unit for unit in units if not re.fullmatch(r"suffix:[a-z]+/s", unit)} <= UNITS
    steps = {step.color for step in panel.steps}
    words = {word.color for word in panel.words}
    base = {panel.base} if isinstance(panel, Stat) else set()
    assert base | steps | words <= COLORS


@panels
def test_a_figure_or_state_has_distinct_colours(panel: Panel) -> None:
    steps = [step.value for step in panel.steps]

    assert steps == sorted(steps)
    if isinstance(panel, Stat):
        assert panel.steps or panel.base == "text"
    if isinstance(panel, Timeline):
        assert len(panel.words) >= 2
        assert len({word.color for word in panel.words}) == len(panel.words)


def test_a_word_has_the_same_colour_everywhere() -> None:
    colors: dict[str, set[str]] = {}
    for board in BOARDS:
        for panel in board.panels():
            columns = panel.columns if isinstance(panel, Table) else ()
            for words in (panel.words, *(column.words for column in columns)):
                for word in words:
                    colors.setdefault(word.text, set()).add(word.color)

    # As an answer to a question, its meaning depends on the question.
    del colors["no"]
    assert {text for text, found in colors.items() if len(found) > 1} == set()
    assert colors["down"] == {RED}
    assert colors["locked"] == colors["maintenance"] == {MAINTENANCE}


@boards
def test_a_figure_or_graph_has_a_unit(board: Board) -> None:
    for panel in panels_of(written(board)):
        if panel["type"] in {"stat", "timeseries"}:
            defaults = panel["fieldConfig"]["defaults"]
            words = [one for one in defaults.get("mappings", ()) if one["type"] == "value"]
            assert defaults["unit"] != "none" or words, panel["title"]


@boards
def test_figures_and_tables_use_instant_queries(board: Board) -> None:
    for panel in panels_of(written(board)):
        if panel["type"] == "table":
            assert all(target["instant"] for target in panel["targets"])
        if panel["type"] == "stat":
            # With a trend, the present is appended to it. Where nothing is found it is no number.
            *trend, now = panel["targets"]
            assert now["instant"]
            assert now["expr"].endswith(") or vector(NaN)")
            nothing = panel["fieldConfig"]["defaults"]["mappings"][-1]["options"]
            assert nothing["match"] == "null+nan"
            assert nothing["result"]["color"] == "text"
            assert panel["options"]["reduceOptions"]["calcs"] == ["last"]
            assert [one["id"] for one in panel.get("transformations", ())] == ["merge"] * len(trend)
            for target in trend:
                assert target["range"]
            assert "or vector(0)) or" not in now["expr"], "0 where nothing is polled"
            # A range still has values of an exporter that has ended; `and` drops them.
            if re.search(r"\b(?:rate|increase)\(", now["expr"]):
                assert re.search(r"\]\) and \w+_total\{", now["expr"]), panel["title"]


@boards
def test_each_board_shows_exporters_that_are_down(board: Board) -> None:
    assert next(board.panels()).title == "Exporters down"


@boards
def test_an_axis_ends_above_the_thresholds_of_alerts(board: Board) -> None:
    for panel in panels_of(written(board)):
        if panel["type"] == "timeseries":
            defaults = panel["fieldConfig"]["defaults"]
            lines = [step["value"] or 0 for step in defaults["thresholds"]["steps"]]
            assert defaults["custom"]["axisSoftMax"] > max(lines)
            assert defaults["thresholds"]["steps"][0]["color"] == "transparent"


@boards
def test_a_hidden_column_is_hidden_in_each_release(board: Board) -> None:
    for panel in panels_of(written(board)):
        for override in panel["fieldConfig"].get("overrides", ()):
            found = {one["id"]: one["value"] for one in override["properties"]}
            if found.get("custom.hidden"):
                assert found["custom.hideFrom"]["viz"] is True


@boards
def test_an_empty_cell_does_not_say_why_a_table_is_empty(board: Board) -> None:
    for panel in panels_of(written(board)):
        if panel["type"] == "table":
            columns = panel["transformations"][-1]["options"]["renameByName"].values()
            overrides = panel["fieldConfig"]["overrides"]
            dashes = {
                override["matcher"]["options"]
                for override in overrides
                if {"id": "noValue", "value": "-"} in override["properties"]
            }
            assert dashes == set(columns)


@boards
def test_titles_ids_and_uids_are_unique_and_links_keep_the_selection(board: Board) -> None:
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


def test_uids_do_not_change() -> None:
    systems = sorted(path.stem for path in (ROOT / "exporter" / "systems").glob("*.yaml"))
    names = ["overview", *systems, "exporter"]

    assert [board.uid for board in BOARDS] == [f"status-exporter-{name}" for name in names]


@boards
def test_panels_fill_their_rows_and_do_not_overlap(board: Board) -> None:
    for section in board.sections:
        for row in section.rows:
            assert sum(row.widths()) == WHOLE
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
def test_the_most_important_panels_are_first(board: Board) -> None:
    first = board.sections[0]

    assert first.title == "Now"
    for row in first.rows[:2]:
        # Four to a row, so that titles are whole on a screen of 1366 pixels.
        assert [type(panel) for panel in row.panels] == [Stat] * 4


def test_one_command_writes_the_format_of_grafana_com(tmp_path: Path) -> None:
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
