"""The sections of the exporter's board about answers, lists, logins and configuration."""

from grafana.source.words import (
    BY_TARGET,
    GREEN,
    ORANGE,
    RED,
    YELLOW,
    Column,
    Lines,
    Query,
    Step,
    Table,
    Timeline,
    Word,
    chosen,
    row,
    section,
    top,
)

UNMAPPED = "status_exporter_untaken_fields{@target}"
LIST_AGE = "time() - status_exporter_discovery_last_refresh_success_timestamp_seconds{@exporter}"


def _rate(by: str, counter: str, *, over: str = "rate") -> str:
    grouped = f"sum by ({by})" if by else "sum"
    metric = f"status_exporter_{counter}_total{{@exporter}}"
    return f"{grouped} ({over}({metric}[$__rate_interval]))"


ANSWERS = section(
    "Answers",
    row(
        Lines(
            "Unreadable fields",
            (
                Query(
                    top(_rate("system, metric", "unreadable_fields"), by="system, metric"),
                    "{{metric}}",
                ),
            ),
            "Fields per second that were present and could not be read, by metric. A step is a sign"
            " of a new release of the vendor.",
            unit="suffix:fields/s",
            empty="All fields can be read",
        ),
        Table(
            "Targets with unreadable fields",
            (f"max by ({BY_TARGET}) (status_exporter_field_faults{{@target}}) > 0",),
            "Targets whose last answer had fields that could not be read, and how many.",
            columns=(
                Column("target", "Target"),
                Column("A", "Fields", steps=(Step(1, ORANGE),), width=90),
                Column("instance", "Exporter"),
            ),
            sort_by="Fields",
            descending=True,
            empty="All fields can be read",
        ),
    ),
    row(
        Lines(
            "Left out of answers",
            (
                Query(_rate("system", "dropped_series"), "{{system}} series"),
                Query(_rate("system", "dropped_items"), "{{system}} items"),
                Query(_rate("", "duplicate_series"), "duplicate series"),
            ),
            "Dropped per second: series beyond a target's `max_series`, items beyond the `limit` of a"
            " list, and duplicate series. No alert covers them.",
            unit="suffix:series/s",
            empty="Nothing was left out",
        ),
        Lines(
            "Unmapped values",
            f"{UNMAPPED} {chosen(f'{UNMAPPED} @ end()')}",
            "Values of an answer that no field maps. If their number rises, the vendor has changed"
            " the API.",
        ),
    ),
)

LISTS = section(
    "Lists, logins and configuration",
    row(
        Table(
            "Discoveries",
            (
                "sum by (job, instance, discovery) (status_exporter_discovery_targets{@exporter})",
                (
                    "sum by (job, instance, discovery)"
                    " (status_exporter_discovery_refused_targets{@exporter})"
                ),
                f"max by (job, instance, discovery) ({LIST_AGE})",
            ),
            "The number of targets in each discovery's lists, the number of those that are not polled"
            " because other targets have the same names, and the age of the lists.",
            columns=(
                Column("discovery", "Discovery"),
                Column("A", "Targets", width=90),
                Column("B", "Refused", steps=(Step(1, RED),), width=90),
                Column(
                    "C", "Last good", "s", steps=(Step(900, YELLOW), Step(3600, RED)), width=105
                ),
                Column("instance", "Exporter"),
            ),
            sort_by="Last good",
            descending=True,
            empty="No discovery is configured",
        ),
        Lines(
            "Lists that could not be read",
            (
                Query(
                    top(
                        _rate("discovery", "discovery_refresh_failures", over="increase"),
                        by="discovery",
                    ),
                    "{{discovery}}",
                ),
            ),
            "Lists that could not be read or were rejected. The previous ones stay. The exporter's"
            " log has the reason.",
            empty="No discovery is configured",
        ),
    ),
    row(
        Lines(
            "Logins",
            (
                Query(top(_rate("client", "logins"), by="client"), "{{client}}"),
                Query(top(_rate("client", "login_failures"), by="client"), "{{client}} failed"),
            ),
            "Logins and token requests per second, by client, and those that failed.",
            unit="suffix:logins/s",
            empty="No client logs in",
        ),
        Lines(
            "Rejected requests",
            (
                Query(_rate("reason", "http_rejected"), "{{reason}}"),
                Query(_rate("", "web_config_errors"), "web configuration"),
                Query(_rate("", "dropped_log_records"), "log records"),
            ),
            "Requests and connections to the exporters' ports that were rejected, per second. While"
            " the web configuration cannot be used, all are rejected, and Prometheus sees the count"
            " afterwards. Log records are dropped if standard error is not read.",
            unit="suffix:requests/s",
        ),
    ),
    row(
        Lines(
            "Reloads",
            (
                Query(_rate("", "config_reloads", over="increase"), "tried"),
                Query(_rate("", "config_reload_failures", over="increase"), "failed"),
            ),
            "Attempts to reload the configuration, and those that failed.",
        ),
        Timeline(
            "Configuration over time",
            (Query("status_exporter_config_last_reload_successful{@exporter}", "{{instance}}"),),
            "Whether each exporter has loaded its configuration file.",
            words=(Word(0, "old one", RED), Word(1, "loaded", GREEN)),
        ),
    ),
)
