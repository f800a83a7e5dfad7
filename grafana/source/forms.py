"""A panel goes in; Grafana's own comes out, without its place on the dashboard."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from grafana_foundation_sdk.builders import common as shared
from grafana_foundation_sdk.builders import dashboard as sdk
from grafana_foundation_sdk.builders import prometheus, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.models import common as shapes
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from grafana.source.words import Column, Panel, Query, Step, Word

SOURCE = shapes.DataSourceRef(type_val="prometheus", uid="${datasource}")

# The panel types of the library that share the methods used here.
Form = stat.Panel | timeseries.Panel | statetimeline.Panel | table.Panel


def shaped(panel: Panel) -> Form:
    """Build the panel as its kind wants it."""
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
        if properties := list(_properties(column)):
            one.override_by_name(column.title, properties)
    return one


def _properties(column: Column) -> Iterator[model.DynamicConfigValue]:
    def value(id_val: str, given: object) -> model.DynamicConfigValue:
        return model.DynamicConfigValue(id_val=id_val, value=given)

    if column.unit != "none":
        yield value("unit", column.unit)
    if column.is_hidden:
        yield value("custom.hidden", True)
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


_FORMS: Mapping[str, Callable[[Panel], Form]] = {
    "stat": _stat,
    "lines": _lines,
    "stack": _lines,
    "timeline": _timeline,
    "table": _table,
}
