"""Links of the dashboards, and of the runbooks to them, lead to what exists."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.systems import SYSTEMS
from grafana.source import BOARDS
from support.dashboards import FOLDER, board_of, panels_of, written
from support.metric_names import alert_groups
from support.repository import ROOT


def board_label(text: str, label: str, value: str) -> str:
    """Return what a query's label_replace() make of a label: the last that matches counts."""
    found = re.findall(rf'"board", "(\w+)", "(?:{label})?", "([^"]*)"\)', text)
    boards = [str(one) for one, pattern in found if not pattern or re.fullmatch(pattern, value)]
    return boards[-1]


def query_of(title: str) -> str:
    (panel,) = [one for one in panels_of(written(BOARDS[0])) if one["title"] == title]
    return str(panel["targets"][0]["expr"])


@pytest.mark.parametrize(
    ("system", "board"),
    [*((name, board_of(name)) for name in SYSTEMS), ("a_custom_system", "overview")],
)
def test_a_target_on_the_overview_links_to_an_existing_dashboard(system: str, board: str) -> None:
    assert board_label(query_of("All targets"), "system", system) == board


@pytest.mark.parametrize(
    ("group", "alert"), [(group, one) for group, names in alert_groups().items() for one in names]
)
def test_an_alert_on_the_overview_links_to_its_dashboard(group: str, alert: str) -> None:
    system = group.replace("-", "_")
    boards = {system} if system in SYSTEMS else {"overview", "exporter"}

    assert board_label(query_of("Alerts that fire"), "alertname", alert) in boards


def test_links_keep_the_selection_and_open_runbooks() -> None:
    text = (FOLDER / "overview.json").read_text(encoding="utf-8")
    (variable,) = [
        one for one in written(BOARDS[0])["templating"]["list"] if one["name"] == "runbooks"
    ]

    for path in re.findall(r'"(/d/[^"]*)"', text):
        for kept in ("${datasource:queryparam}", "${job:queryparam}", "${__url_time_range}"):
            assert kept in path
    assert '"${runbooks}/${__data.fields.alertname}.md"' in text
    assert variable["query"].endswith("/docs/runbooks")


def shown_by(page: Path) -> Iterator[tuple[str, str]]:
    """Yield each panel that a runbook names, with its dashboard."""
    text = " ".join(page.read_text(encoding="utf-8").split())
    for panels, board in re.findall(
        r"((?:(?:, | and )?\*[^*]+\*)+) of the dashboard \*([^*]+)\*", text
    ):
        for panel in re.findall(r"\*([^*]+)\*", panels):
            yield panel, board


def test_runbooks_name_existing_panels() -> None:
    there = {
        (panel.title, board.title.rpartition(" / ")[2])
        for board in BOARDS
        for panel in board.panels()
    }
    named = {one for page in (ROOT / "docs" / "runbooks").glob("*.md") for one in shown_by(page)}

    assert len(named) > 10
    assert named - there == set()
