"""What the exporters are given: answers, lists, logins and their configuration."""

from grafana.source.words import (
    GREEN,
    ORANGE,
    RED,
    YELLOW,
    Column,
    Query,
    Row,
    Section,
    Step,
    Word,
    lines,
    table,
    timeline,
)

LIST_AGE = "time() - status_exporter_discovery_last_refresh_success_timestamp_seconds{@exporter}"
LOGINS = "rate(status_exporter_logins_total{@exporter}[$__rate_interval])"
UNREADABLE = "rate(status_exporter_unreadable_fields_total{@exporter}[$__rate_interval])"


def _dropped(what: str) -> Query:
    counter = f"status_exporter_dropped_{what}_total{{@exporter}}"
    expr = f"sum by (system) (rate({counter}[$__rate_interval]))"
    return Query(expr=expr, legend=f"{{{{system}}}} {what}")


ANSWERS = Section(
    title="Answers",
    rows=(
        Row(
            height=8,
            panels=(
                lines(
                    "Unreadable fields",
                    (
                        Query(
                            expr=f"topk($top, sum by (system, metric) ({UNREADABLE}))",
                            legend="{{metric}}",
                        ),
                    ),
                    "Fields a second that were there and could not be read, by metric. A"
                    " step tells of a vendor's new release.",
                    unit="cps",
                ),
                table(
                    "Targets with unreadable fields",
                    (
                        (
                            "max by (job, instance, target)"
                            " (status_exporter_field_faults{@target}) > 0"
                        ),
                    ),
                    "Whose last answer had fields that could not be read, and how many.",
                    (
                        Column(source="target", title="Target"),
                        Column(source="A", title="Fields", steps=(Step(1, ORANGE),)),
                        Column(source="instance", title="Exporter"),
                    ),
                    sort_by="Fields",
                    descending=True,
                    width=12,
                    empty="All fields can be read",
                ),
            ),
        ),
        Row(
            height=7,
            panels=(
                lines(
                    "Series given twice",
                    (
                        Query(
                            expr="sum(rate(status_exporter_duplicate_series_total"
                            "{@exporter}[$__rate_interval])) or vector(0)",
                            legend="a second",
                        ),
                    ),
                    "Series that an answer gave more than once; the first was kept. There"
                    " should be none.",
                    unit="cps",
                    width=8,
                ),
                lines(
                    "Left out of answers",
                    (
                        _dropped("series"),
                        _dropped("items"),
                    ),
                    "Series beyond a target's `max_series` and items beyond the `limit` of a"
                    " list, a second. No alert sees what is dropped.",
                    unit="cps",
                    width=8,
                ),
                lines(
                    "Unmapped values",
                    "topk($top, status_exporter_untaken_fields{@target})",
                    "Values of an answer that no field maps. If it rises, the vendor has"
                    " changed something.",
                    width=8,
                ),
            ),
        ),
    ),
)

LISTS = Section(
    title="Lists, logins and configuration",
    rows=(
        Row(
            height=8,
            panels=(
                table(
                    "Discoveries",
                    (
                        (
                            "sum by (job, instance, discovery)"
                            " (status_exporter_discovery_targets{@exporter})"
                        ),
                        (
                            "sum by (job, instance, discovery)"
                            " (status_exporter_discovery_refused_targets{@exporter})"
                        ),
                        f"max by (job, instance, discovery) ({LIST_AGE})",
                    ),
                    "How many targets each discovery's lists hold, how many are not polled"
                    " since others have their names, and how long ago all lists were good.",
                    (
                        Column(source="discovery", title="Discovery"),
                        Column(source="A", title="Targets"),
                        Column(source="B", title="Refused", steps=(Step(1, RED),)),
                        Column(
                            source="C",
                            title="Last good",
                            unit="s",
                            steps=(Step(900, YELLOW), Step(3600, RED)),
                        ),
                        Column(source="instance", title="Exporter"),
                    ),
                    sort_by="Last good",
                    descending=True,
                    width=8,
                    empty="No discovery is configured",
                ),
                lines(
                    "Lists that could not be read",
                    (
                        Query(
                            expr="topk($top, sum by (discovery) (increase("
                            "status_exporter_discovery_refresh_failures_total{@exporter}"
                            "[$__rate_interval])))",
                            legend="{{discovery}}",
                        ),
                    ),
                    "Lists that could not be read or were refused; the old ones stay. The"
                    " exporter's log tells why.",
                    width=8,
                ),
                lines(
                    "Logins",
                    (
                        Query(
                            expr=f"topk($top, sum by (client) ({LOGINS}))",
                            legend="{{client}}",
                        ),
                        Query(
                            expr="topk($top, sum by (client) (rate("
                            "status_exporter_login_failures_total{@exporter}"
                            "[$__rate_interval])))",
                            legend="{{client}} failed",
                        ),
                    ),
                    "Logins and token requests a second, by client, and those of them that failed.",
                    unit="cps",
                    width=8,
                ),
            ),
        ),
        Row(
            height=7,
            panels=(
                lines(
                    "Refused or dropped",
                    (
                        Query(
                            expr="sum by (reason) (rate("
                            "status_exporter_http_rejected_total{@exporter}"
                            "[$__rate_interval]))",
                            legend="{{reason}}",
                        ),
                        Query(
                            expr="sum(rate(status_exporter_web_config_errors_total"
                            "{@exporter}[$__rate_interval]))",
                            legend="web configuration",
                        ),
                        Query(
                            expr="sum(rate(status_exporter_dropped_log_records_total"
                            "{@exporter}[$__rate_interval]))",
                            legend="log records",
                        ),
                    ),
                    "Requests and connections to the exporters' own ports that were refused, a"
                    " second. If the web configuration cannot be used, all are, Prometheus'"
                    " included, so that it shows afterwards. Log records are dropped where"
                    " standard error is not read.",
                    unit="cps",
                    width=8,
                ),
                lines(
                    "Reloads",
                    (
                        Query(
                            expr="sum(increase(status_exporter_config_reloads_total"
                            "{@exporter}[$__rate_interval]))",
                            legend="tried",
                        ),
                        Query(
                            expr="sum(increase("
                            "status_exporter_config_reload_failures_total{@exporter}"
                            "[$__rate_interval]))",
                            legend="failed",
                        ),
                    ),
                    "Attempts to take over a configuration, and those that left the old one"
                    " in place.",
                    width=8,
                ),
                timeline(
                    "Configuration over time",
                    "status_exporter_config_last_reload_successful{@exporter}",
                    "Whether each exporter has taken over its file.",
                    (Word(0, "old one", RED), Word(1, "taken over", GREEN)),
                    legend="{{instance}}",
                    width=8,
                ),
            ),
        ),
    ),
)
