"""Panels of Grafana's Foundation SDK, without their position on the dashboard."""

from collections.abc import Iterator, Sequence

from grafana_foundation_sdk.builders import common as shared
from grafana_foundation_sdk.builders import dashboard as sdk
from grafana_foundation_sdk.builders import prometheus, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.models import common as shapes
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from grafana.source.words import GREY, Column, Lines, Panel, Query, Stat, Step, Table, Word

SOURCE = shapes.DataSourceRef(type_val="prometheus", uid="${datasource}")
# One point a minute at six hours. More points take longer to query and show little more.
_POINTS = 360
# An axis ends above the thresholds of alerts. Without one it ends at least here, by unit, so that
# zeros do not fill the graph.
_ABOVE_LINE = 1.1
_AXIS = {"short": 1, "s": 0.01, "percentunit": 0.01, "bytes": 1024}
_AXIS_OF_RATES = 0.1

# The panel builders of the SDK share the methods used here.
PanelBuilder = stat.Panel | timeseries.Panel | statetimeline.Panel | table.Panel


def panel_builder(panel: Panel) -> PanelBuilder:
    """Return the SDK's builder of the panel."""
    if isinstance(panel, Stat):
        one: PanelBuilder = _stat(panel)
    elif isinstance(panel, Lines):
        one = _lines(panel)
    elif isinstance(panel, Table):
        one = _table(panel)
    else:
        one = _timeline(panel)
    one.title(panel.title).description(panel.description).datasource(SOURCE).no_value(panel.empty)
    for at, query in enumerate(panel.queries):
        one.with_target(_target(query, chr(ord("A") + at), is_table=isinstance(panel, Table)))
    if not all(query.is_instant for query in panel.queries):
        one.max_data_points(_POINTS)
    return one


def _target(query: Query, letter: str, *, is_table: bool) -> prometheus.Dataquery:
    one = prometheus.Dataquery().ref_id(letter).expr(query.promql).datasource(SOURCE)
    one.legend_format(query.legend or "__auto")
    one.format(PromQueryFormat.TABLE if is_table else PromQueryFormat.TIME_SERIES)
    return one.instant() if query.is_instant else one.range()


def _thresholds(base: str, steps: Sequence[Step]) -> sdk.ThresholdsConfig:
    first = model.Threshold(value=None, color=base)
    rest = [model.Threshold(value=step.value, color=step.color) for step in steps]
    return sdk.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps([first, *rest])


def _mapping(words: Sequence[Word]) -> model.ValueMap:
    return model.ValueMap(
        {
            str(word.value): model.ValueMappingResult(text=word.text, color=word.color, index=at)
            for at, word in enumerate(words)
        }
    )


def _by_thresholds() -> sdk.FieldColor:
    return sdk.FieldColor().mode(model.FieldColorModeId.THRESHOLDS)


def _stat(panel: Stat) -> stat.Panel:
    graph = shapes.BigValueGraphMode
    words = [_mapping(panel.words)] if panel.words else []
    nothing = model.DashboardSpecialValueMapOptions(
        match=model.SpecialValueMatch.NULL_AND_NAN,
        result=model.ValueMappingResult(text=panel.empty, color=GREY, index=0),
    )
    one = (
        stat.Panel()
        .unit(panel.unit)
        .reduce_options(shared.ReduceDataOptions().calcs(["last"]))
        .color_mode(shapes.BigValueColorMode.VALUE)
        .graph_mode(graph.AREA if panel.has_trend else graph.NONE)
        .color_scheme(_by_thresholds())
        .thresholds(_thresholds(panel.base, panel.steps))
        .mappings([*words, model.SpecialValueMap(options=nothing)])
    )
    if panel.has_trend:
        one.with_transformation(model.DataTransformerConfig(id_val="merge", options={}))
    if panel.decimals is not None:
        one.decimals(panel.decimals)
    return one


def _legend(*, is_table: bool) -> shared.VizLegendOptions:
    one = shared.VizLegendOptions().show_legend(True)
    if is_table:
        one.calcs(["max", "lastNotNull"]).placement(shapes.LegendPlacement.RIGHT)
        return one.display_mode(shapes.LegendDisplayMode.TABLE)
    one.placement(shapes.LegendPlacement.BOTTOM)
    return one.display_mode(shapes.LegendDisplayMode.LIST)


def _lines(panel: Lines) -> timeseries.Panel:
    tooltip = shared.VizTooltipOptions().mode(shapes.TooltipDisplayMode.MULTI)
    line = max((step.value * _ABOVE_LINE for step in panel.steps), default=0)
    one = (
        timeseries.Panel()
        .unit(panel.unit)
        .legend(_legend(is_table=any("$top" in query.expr for query in panel.queries)))
        .tooltip(tooltip.sort(shapes.SortOrder.DESCENDING))
        .color_scheme(sdk.FieldColor().mode(model.FieldColorModeId.PALETTE_CLASSIC))
        .line_width(1)
        .fill_opacity(40 if panel.is_stacked else 0)
        .show_points(shapes.VisibilityMode.NEVER)
        .thresholds(_thresholds("transparent", panel.steps))
        .min(0)
        .axis_soft_max(line or _AXIS.get(panel.unit, _AXIS_OF_RATES))
    )
    if panel.is_stacked:
        one.stacking(shared.StackingConfig().mode(shapes.StackingMode.NORMAL))
    if panel.steps:
        style = shared.GraphThresholdsStyleConfig().mode(shapes.GraphThresholdsStyleMode.DASHED)
        one.thresholds_style(style)
    if panel.highest is not None:
        one.max(panel.highest)
    for word in panel.words:
        color = {"mode": "fixed", "fixedColor": word.color}
        one.override_by_name(word.text, [model.DynamicConfigValue("color", color)])
    for query in panel.queries:
        if query.is_dashed:
            dashed = {"fill": "dash", "dash": [8, 6]}
            one.override_by_name(
                query.legend, [model.DynamicConfigValue("custom.lineStyle", dashed)]
            )
    return one


def _timeline(panel: Panel) -> statetimeline.Panel:
    return (
        statetimeline.Panel()
        .merge_values(True)
        .show_value(shapes.VisibilityMode.AUTO)
        .row_height(0.8)
        .fill_opacity(80)
        .line_width(0)
        .legend(_legend(is_table=False).show_legend(False))
        .color_scheme(_by_thresholds())
        .thresholds(_thresholds(GREY, ()))
        .mappings([_mapping(panel.words)])
    )


def _table(panel: Table) -> table.Panel:
    names = {column.field: column.title for column in panel.columns}
    if len(panel.queries) == 1:
        names = {key.replace("Value #A", "Value"): title for key, title in names.items()}
    # Keep only the fields that have a column, in the order of the columns.
    keep = {"include": {"names": list(names)}}
    order = {key: at for at, key in enumerate(names)}
    arrange = {"excludeByName": {}, "indexByName": order, "renameByName": names}
    by = shared.TableSortByFieldState().display_name(panel.sort_by).desc(panel.descending)
    one = (
        table.Panel()
        .with_transformation(model.DataTransformerConfig(id_val="merge", options={}))
        .with_transformation(model.DataTransformerConfig(id_val="filterFieldsByName", options=keep))
        .with_transformation(model.DataTransformerConfig(id_val="organize", options=arrange))
        .filterable(True)
        .footer(shared.TableFooterOptions().enable_pagination(True).show(False).reducer([]))
        .color_scheme(_by_thresholds())
        .thresholds(_thresholds(GREY, ()))
        .sort_by([by])
    )
    for column in panel.columns:
        properties = [model.DynamicConfigValue(key, value) for key, value in _properties(column)]
        one.override_by_name(column.title, properties)
    return one


def _properties(column: Column) -> Iterator[tuple[str, object]]:
    # The text of the panel explains an empty table, not an empty cell.
    yield "noValue", "-"
    if column.unit != "none":
        yield "unit", column.unit
    if column.is_hidden:
        # Grafana 13 reads only the second property.
        yield "custom.hidden", True
        yield "custom.hideFrom", {"viz": True, "legend": True, "tooltip": True}
    if column.width:
        yield "custom.width", column.width
    if column.words:
        yield "mappings", [_mapping(column.words)]
    if column.steps:
        yield "thresholds", _thresholds(GREY, column.steps).build()
    if column.steps or column.words:
        yield "custom.cellOptions", {"type": "color-text"}
    if column.links:
        yield "links", [{"title": title, "url": url} for title, url in column.links]
