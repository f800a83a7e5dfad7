"""A board goes in; Grafana's classic dashboard comes out as JSON, every panel in its place."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from grafana_foundation_sdk.builders import common as shared
from grafana_foundation_sdk.builders import dashboard as sdk
from grafana_foundation_sdk.builders import prometheus, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as shapes
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from grafana.source.words import Board, Column, Mark, Panel, Query, Row, Step, Variable, Word

TAG = "status-exporter"
SOURCE = shapes.DataSourceRef(type_val="prometheus", uid="${datasource}")
# Grafana 10.0 writes this one. Every later release knows how to read it, while an older one would
# take a newer one as it is, and miss what it does not know.
SCHEMA = 38
_HEADING = 1
# A graph of more lines is no graph.
_TOP = (5, 10, 20, 50)
_USUAL_TOP = 10
# The panel types of the library that share the methods used here.
_Builder = stat.Panel | timeseries.Panel | statetimeline.Panel | table.Panel


def text_of(board: Board) -> str:
    """Write the dashboard as it is committed."""
    return json.dumps(build(board), indent=2, ensure_ascii=False) + "\n"


def build(board: Board) -> dict[str, Any]:
    """Build the dashboard."""
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
        .link(_siblings())
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
                one.with_panel(_panel(panel).id(number).grid_pos(place))
            top += row.height
    built: dict[str, Any] = json.loads(json.dumps(one.build(), cls=JSONEncoder))
    # The library writes the newest version and nulls that no Grafana does.
    return _without_nulls({**built, "id": None, "schemaVersion": SCHEMA}) | {"id": None}


def _places(row: Row, top: int) -> Iterator[tuple[Panel, model.GridPos]]:
    left = 0
    for panel in row.panels:
        yield panel, model.GridPos(h=row.height, w=panel.width, x=left, y=top)
        left += panel.width


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(one) for key, one in value.items() if one is not None}
    if isinstance(value, list):
        return [_without_nulls(one) for one in value]
    return value


def _siblings() -> sdk.DashboardLink:
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
    more = f",{board.targets}" if board.targets else ""
    yield sdk.DatasourceVariable("datasource").label("Data source").type("prometheus")
    for variable in (
        Variable(name="job", label="Job", query="label_values(status_exporter_build_info,job)"),
        Variable(
            name="instance",
            label="Instance",
            query=f"label_values(status_exporter_build_info{{{chosen}}},instance)",
        ),
        Variable(
            name="target",
            label="Target",
            query=f"label_values(status_exporter_target_up{{{both}{more}}},target)",
        ),
        *board.variables,
    ):
        yield _query_variable(variable)
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
        .enable(mark.shown)
        .icon_color(mark.color)
        .expr(mark.promql)
        .title_format(mark.name)
        .text_format(mark.text)
        .step("1m")
    )


def _panel(panel: Panel) -> _Builder:
    one = _FORMS[panel.kind](panel)
    one.title(panel.title).description(panel.description).datasource(SOURCE)
    if panel.kind != "table":
        one.unit(panel.unit)
    for at, query in enumerate(panel.queries):
        one.with_target(_target(query, letter=chr(ord("A") + at), kind=panel.kind))
    if panel.kind != "timeline":
        one.thresholds(_thresholds(panel.base, panel.steps))
    if panel.words:
        one.mappings([_mapping(panel.words)])
    if panel.lowest is not None:
        one.min(panel.lowest)
    if panel.highest is not None:
        one.max(panel.highest)
    if panel.decimals is not None:
        one.decimals(panel.decimals)
    if panel.empty:
        one.no_value(panel.empty)
    return one


def _target(query: Query, *, letter: str, kind: str) -> prometheus.Dataquery:
    one = prometheus.Dataquery().ref_id(letter).expr(query.promql).datasource(SOURCE)
    one.legend_format(query.legend or "__auto")
    if kind == "table":
        return one.instant().format(PromQueryFormat.TABLE)
    return one.range().format(PromQueryFormat.TIME_SERIES)


def _thresholds(base: str, steps: Sequence[Step]) -> sdk.ThresholdsConfig:
    return (
        sdk.ThresholdsConfig()
        .mode(model.ThresholdsMode.ABSOLUTE)
        .steps(
            [
                model.Threshold(value=None, color=base),
                *(model.Threshold(value=step.value, color=step.color) for step in steps),
            ]
        )
    )


def _mapping(words: Sequence[Word]) -> model.ValueMap:
    return model.ValueMap(
        {
            str(word.value): model.ValueMappingResult(text=word.text, color=word.color, index=at)
            for at, word in enumerate(words)
        }
    )


def _stat(panel: Panel) -> stat.Panel:
    del panel
    return (
        stat.Panel()
        .reduce_options(shared.ReduceDataOptions().calcs(["lastNotNull"]))
        .color_mode(shapes.BigValueColorMode.VALUE)
        .graph_mode(shapes.BigValueGraphMode.AREA)
        .color_scheme(sdk.FieldColor().mode(model.FieldColorModeId.THRESHOLDS))
    )


def _lines(panel: Panel) -> timeseries.Panel:
    one = (
        timeseries.Panel()
        .legend(
            shared.VizLegendOptions()
            .show_legend(True)
            .display_mode(shapes.LegendDisplayMode.LIST)
            .placement(shapes.LegendPlacement.BOTTOM)
        )
        .tooltip(
            shared.VizTooltipOptions()
            .mode(shapes.TooltipDisplayMode.MULTI)
            .sort(shapes.SortOrder.DESCENDING)
        )
        .color_scheme(sdk.FieldColor().mode(model.FieldColorModeId.PALETTE_CLASSIC))
        .line_width(1)
        .fill_opacity(10)
        .show_points(shapes.VisibilityMode.NEVER)
    )
    if panel.kind == "stack":
        one.stacking(shared.StackingConfig().mode(shapes.StackingMode.NORMAL)).fill_opacity(40)
    if panel.steps:
        style = shared.GraphThresholdsStyleConfig().mode(shapes.GraphThresholdsStyleMode.DASHED)
        one.thresholds_style(style)
    return one


def _timeline(panel: Panel) -> statetimeline.Panel:
    del panel
    return (
        statetimeline.Panel()
        .merge_values(True)
        .show_value(shapes.VisibilityMode.AUTO)
        .row_height(0.8)
        .fill_opacity(80)
        .line_width(0)
        .legend(
            shared.VizLegendOptions()
            .show_legend(False)
            .display_mode(shapes.LegendDisplayMode.LIST)
            .placement(shapes.LegendPlacement.BOTTOM)
        )
        .color_scheme(sdk.FieldColor().mode(model.FieldColorModeId.THRESHOLDS))
        .thresholds(_thresholds("text", ()))
    )


def _table(panel: Panel) -> table.Panel:
    names = {column.field: column.title for column in panel.columns}
    if len(panel.queries) == 1:
        names = {key.replace("Value #A", "Value"): title for key, title in names.items()}
    # Only what has a column is kept, in the order of the columns.
    keep = {"include": {"names": list(names)}}
    order = {key: at for at, key in enumerate(names)}
    arrange = {"excludeByName": {}, "indexByName": order, "renameByName": names}
    one = (
        table.Panel()
        .with_transformation(model.DataTransformerConfig(id_val="merge", options={}))
        .with_transformation(model.DataTransformerConfig(id_val="filterFieldsByName", options=keep))
        .with_transformation(model.DataTransformerConfig(id_val="organize", options=arrange))
        .filterable(True)
        .footer(shared.TableFooterOptions().enable_pagination(True).show(False).reducer([]))
        .color_scheme(sdk.FieldColor().mode(model.FieldColorModeId.THRESHOLDS))
    )
    if panel.sort_by:
        by = shared.TableSortByFieldState().display_name(panel.sort_by).desc(panel.descending)
        one.sort_by([by])
    for column in panel.columns:
        one.override_by_name(column.title, list(_properties(column)))
    return one


def _properties(column: Column) -> Iterator[model.DynamicConfigValue]:
    def value(id_val: str, given: object) -> model.DynamicConfigValue:
        return model.DynamicConfigValue(id_val=id_val, value=given)

    if column.unit != "none":
        yield value("unit", column.unit)
    if column.width:
        yield value("custom.width", column.width)
    if column.words:
        yield value("mappings", [_mapping(column.words)])
    if column.steps:
        yield value("thresholds", _thresholds("text", column.steps).build())
    if column.steps or column.words:
        yield value("custom.cellOptions", {"type": "color-text"})
    if column.link:
        link = {"title": "Open its dashboard", "url": column.link}
        yield value("links", [link])


_FORMS = {
    "stat": _stat,
    "lines": _lines,
    "stack": _lines,
    "timeline": _timeline,
    "table": _table,
}
