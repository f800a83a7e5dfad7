"""The JSON of a board, in Grafana's classic format."""

import json
from collections.abc import Iterator
from typing import Any

from grafana_foundation_sdk.builders import dashboard as sdk
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as model

from grafana.source.forms import SOURCE, panel_builder
from grafana.source.words import Board, Mark, Panel, Row, Variable

TAG = "status-exporter"
RUNBOOKS = "https://github.com/status-exporter/status-exporter/blob/main/docs/runbooks"
# The version of Grafana 10.0. Later releases migrate it; an older release cannot read a newer one.
SCHEMA = 38
_HEADING = 1
# More lines cannot be distinguished.
_TOP = (5, 10, 20, 50)
_USUAL_TOP = 10


def text_of(board: Board) -> str:
    """Return the dashboard as text, as it is committed."""
    return json.dumps(build(board), indent=2, ensure_ascii=False) + "\n"


def build(board: Board) -> dict[str, Any]:
    """Return the dashboard as a JSON object."""
    one = (
        sdk.Dashboard(board.title)
        .uid(board.uid)
        .description(board.description)
        .tags([TAG])
        .readonly()
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .timezone("browser")
        .time("now-6h", "now")
        .refresh("1m")
        .link(_dashboards_link())
    )
    for variable in _variables(board):
        one.with_variable(variable)
    for mark in board.marks:
        one.annotation(_annotation(mark))
    top, number = 0, 0
    for section in board.sections:
        number += 1
        place = model.GridPos(h=_HEADING, w=24, x=0, y=top)
        one.with_row(sdk.Row(section.title).id(number).grid_pos(place))
        top += _HEADING
        for row in section.rows:
            for panel, place in _places(row, top):
                number += 1
                one.with_panel(panel_builder(panel).id(number).grid_pos(place))
            top += row.height
    built = json.loads(json.dumps(one.build(), cls=JSONEncoder))
    whole: dict[str, Any] = _without_unused(built)
    return {**whole, "id": None, "schemaVersion": SCHEMA}


def _places(row: Row, top: int) -> Iterator[tuple[Panel, model.GridPos]]:
    left = 0
    for panel, width in zip(row.panels, row.widths(), strict=True):
        yield panel, model.GridPos(h=row.height, w=width, x=left, y=top)
        left += width


# The SDK writes these keys for every object, though few kinds have them.
_UNUSED_KEYS = frozenset({"auto", "auto_count", "auto_min", "repeatDirection"})
# This value would move links and annotations into a menu.
_IN_MENU = "inControlsMenu"


def _without_unused(value: Any) -> Any:
    """Drop nulls and unused keys, but keep the null value of the first threshold."""
    if isinstance(value, dict):
        kept = {key: _without_unused(one) for key, one in value.items() if key not in _UNUSED_KEYS}
        kept = {key: one for key, one in kept.items() if one is not None and one != _IN_MENU}
        return {"value": None} | kept if set(kept) == {"color"} else kept
    if isinstance(value, list):
        return [_without_unused(one) for one in value]
    return value


def _dashboards_link() -> sdk.DashboardLink:
    return (
        sdk.DashboardLink("Status exporter")
        .type(model.DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .tooltip("The other dashboards, with the same choice and time")
        .include_vars(True)
        .keep_time(True)
    )


def _variables(board: Board) -> Iterator[Any]:
    chosen = 'job=~"$job"'
    both = f'{chosen},instance=~"$instance"'
    more = f',system=~"{board.systems}"' if board.systems else ""
    yield sdk.DatasourceVariable("datasource").label("Data source").type("prometheus")
    instances = f"label_values(status_exporter_build_info{{{chosen}}},instance)"
    targets = f"label_values(status_exporter_target_up{{{both}{more}}},target)"
    for variable in (
        Variable("job", "Job", "label_values(status_exporter_build_info,job)"),
        Variable("instance", "Instance", instances),
        Variable("target", "Target", targets),
        *board.variables,
    ):
        yield _query_variable(variable)
    if "${runbooks}" in repr(board):
        # For users who publish their own runbooks.
        yield (
            sdk.TextBoxVariable("runbooks")
            .label("Runbooks")
            .default_value(RUNBOOKS)
            .current(model.VariableOption(selected=True, text=RUNBOOKS, value=RUNBOOKS))
        )
    if any("$top" in query.expr for panel in board.panels() for query in panel.queries):
        usual = model.VariableOption(selected=True, text=str(_USUAL_TOP), value=str(_USUAL_TOP))
        options = [
            model.VariableOption(selected=number == _USUAL_TOP, text=str(number), value=str(number))
            for number in _TOP
        ]
        yield (
            sdk.CustomVariable("top")
            .label("Most lines")
            .values(",".join(map(str, _TOP)))
            .current(usual)
            .options(options)
        )


def _query_variable(variable: Variable) -> sdk.QueryVariable:
    return (
        sdk.QueryVariable(variable.name)
        .label(variable.label)
        .datasource(SOURCE)
        .query({"query": variable.query, "refId": f"variable-{variable.name}"})
        .definition(variable.query)
        .multi(True)
        .include_all(True)
        .all_value(variable.all_value)
        .current(model.VariableOption(selected=True, text=["All"], value=["$__all"]))
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.NATURAL_ASC)
    )


def _annotation(mark: Mark) -> sdk.AnnotationQuery:
    return (
        sdk.AnnotationQuery()
        .name(mark.name)
        .datasource(SOURCE)
        .enable(mark.is_shown)
        .icon_color(mark.color)
        .expr(mark.promql)
        .title_format(mark.name)
        .text_format(mark.text)
        .step("1m")
    )
