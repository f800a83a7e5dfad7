"""The exporters themselves: whether they poll on time, and can read what they receive."""

from grafana.source.intake import ANSWERS, LIST_AGE, LISTS
from grafana.source.words import (
    EXPORTERS_DOWN,
    GREEN,
    GREY,
    MAINTENANCE,
    RED,
    YELLOW,
    Board,
    Column,
    Lines,
    Mark,
    Query,
    Stat,
    Step,
    Table,
    Word,
    figures,
    row,
    section,
)

BY = "job, instance"
OURS = f"and on ({BY}) status_exporter_build_info{{@exporter}}"
POLLS = "job_instance:status_exporter_polls:rate15m{@exporter}"
FAILURES = "target_reason:status_exporter_poll_failures:increase10m{@target}"
DURATION = "job_instance:status_exporter_poll_duration_seconds:quantile{@exporter}"
LATE = "rate(status_exporter_late_polls_total{@exporter}[15m])"
LAG = "rate(status_exporter_loop_lag_seconds_%s{@exporter}[5m])"
LOGIN_FAILURES = (
    "increase(status_exporter_login_failures_total{@exporter}[15m])"
    " and status_exporter_login_failures_total{@exporter}"
)
RELOADED = "status_exporter_config_last_reload_success_timestamp_seconds{@exporter}"


def _by_instance(expr: str) -> tuple[Query, ...]:
    return (Query(expr, "{{instance}}"),)


def _lag(part: float, legend: str) -> Query:
    return Query(f"histogram_quantile({part}, sum by (le) ({LAG % 'bucket'}))", legend)


BOARD = Board(
    name="exporter",
    alerts="StatusExporter|StatusFields|StatusAnswers",
    title="Status exporter / Exporter",
    description="The exporters themselves: whether they poll on time, and can read answers, lists and"
    " configuration.",
    marks=(
        Mark(
            "Exporter restarted",
            f"changes(process_start_time_seconds{{@exporter}}[$__rate_interval]) > 0 {OURS}",
            "{{instance}}",
            MAINTENANCE,
        ),
        Mark(
            "Configuration reloaded",
            f"changes({RELOADED}[$__rate_interval]) > 0",
            "{{instance}}",
            GREEN,
        ),
    ),
    unused=(
        (
            "status_exporter_last_success_timestamp_seconds",
            "the overview shows the age of results",
        ),
    ),
    sections=(
        section(
            "Now",
            *figures(
                EXPORTERS_DOWN,
                Stat(
                    "Exporters",
                    "count(status_exporter_build_info{@exporter})",
                    "Exporters that answer scrapes.",
                    base=GREY,
                    empty="none",
                ),
                Stat(
                    "Targets",
                    "sum(status_exporter_targets{@exporter})",
                    "Targets that the chosen exporters poll.",
                    base=GREY,
                ),
                Stat(
                    "Configuration",
                    "min(status_exporter_config_last_reload_successful{@exporter})",
                    "Whether every exporter has loaded its configuration file, or one continues with"
                    " the old configuration.",
                    unit="none",
                    base=RED,
                    steps=(Step(1, GREEN),),
                    words=(Word(1, "loaded", GREEN), Word(0, "old one", RED)),
                ),
                Stat(
                    "Failing",
                    f"(sum({FAILURES}) or vector(0))"
                    " / (sum(increase(status_exporter_polls_total{@target}[10m])"
                    " and status_exporter_polls_total{@target}) > 0)",
                    "The share of polls that failed in the last 10 minutes. Failing targets are"
                    " polled less often, so it is lower than the share of targets that are down.",
                    unit="percentunit",
                    steps=(Step(0.001, YELLOW), Step(0.1, RED)),
                    decimals=1,
                ),
                Stat(
                    "Late",
                    f"sum({LATE} and status_exporter_late_polls_total{{@exporter}})"
                    f" / (sum({POLLS}) > 0)",
                    "The share of polls that started late in the last 15 minutes. The alert fires"
                    " at 5 %.",
                    unit="percentunit",
                    steps=(Step(0.01, YELLOW), Step(0.05, RED)),
                    decimals=1,
                ),
                Stat(
                    "Oldest list",
                    f"max({LIST_AGE})",
                    "The age of the oldest lists of a discovery. If it exceeds a few refresh"
                    " intervals, the targets are outdated.",
                    unit="s",
                    steps=(Step(900, YELLOW), Step(3600, RED)),
                    decimals=0,
                    empty="no lists",
                ),
                Stat(
                    "Failed logins",
                    f"sum({LOGIN_FAILURES}) or 0 * count(status_exporter_build_info{{@exporter}})",
                    "Logins and token requests that failed in the last 15 minutes. The targets stay"
                    " up while the current token is valid.",
                    steps=(Step(0.1, RED),),
                    decimals=0,
                ),
            ),
        ),
        section(
            "Polls",
            row(
                Lines(
                    "Polls by exporter",
                    _by_instance(f"sum by (instance) ({POLLS})"),
                    "Polls per second, by exporter, over 15 minutes.",
                    unit="suffix:polls/s",
                ),
                Lines(
                    "Failures by reason",
                    (Query(f"sum by (reason) ({FAILURES})", "{{reason}}"),),
                    "Failed polls in the last 10 minutes. The exporter itself causes `stale` and"
                    " `internal`.",
                    is_stacked=True,
                    empty="No poll failed",
                ),
            ),
            row(
                Lines(
                    "How long polls take",
                    (Query(f"max by (quantile) ({DURATION})", "{{quantile}}"),),
                    "Quantiles over the last poll of each target, for the chosen exporter with the"
                    " highest.",
                    unit="s",
                ),
                Lines(
                    "Late polls",
                    _by_instance(f"sum by (instance) ({LATE}) / (sum by (instance) ({POLLS}) > 0)"),
                    "The share of polls that started more than one tick late, over 15 minutes. The"
                    " line is the alert's threshold.",
                    unit="percentunit",
                    steps=(Step(0.05, RED),),
                ),
            ),
            row(
                Lines(
                    "Loop lag",
                    (_lag(0.5, "p50"), _lag(0.9, "p90"), _lag(0.99, "p99")),
                    "How late the event loop ran its callbacks. The line is the alert's threshold.",
                    unit="s",
                    steps=(Step(0.25, RED),),
                ),
                Lines(
                    "Average lag by exporter",
                    _by_instance(
                        f"sum by (instance) ({LAG % 'sum'})"
                        f" / (sum by (instance) ({LAG % 'count'}) > 0)"
                    ),
                    "The average lag, to find the exporter that is overloaded.",
                    unit="s",
                ),
            ),
        ),
        ANSWERS,
        LISTS,
        section(
            "Process",
            row(
                Lines(
                    "CPU",
                    _by_instance(
                        f"rate(process_cpu_seconds_total{{@exporter}}[$__rate_interval]) {OURS}"
                    ),
                    "Share of one core, which is the maximum for an exporter. If it is close to 100 %,"
                    " divide the targets between several exporters.",
                    unit="percentunit",
                    steps=(Step(0.8, YELLOW), Step(0.95, RED)),
                ),
                Lines(
                    "Memory",
                    _by_instance(f"process_resident_memory_bytes{{@exporter}} {OURS}"),
                    "Resident memory. It depends on the number of targets and does not grow with"
                    " time.",
                    unit="bytes",
                ),
            ),
            row(
                Lines(
                    "Open files",
                    _by_instance(
                        f"process_open_fds{{@exporter}} / process_max_fds{{@exporter}} {OURS}"
                    ),
                    "Open files of the process, as a share of its limit. Each connection is one.",
                    unit="percentunit",
                    steps=(Step(0.8, RED),),
                ),
                Lines(
                    "Scrapes",
                    _by_instance(f"scrape_duration_seconds{{@exporter}} {OURS}"),
                    "How long Prometheus' scrapes take. Beyond `scrape_timeout`, the exporter counts"
                    " as down.",
                    unit="s",
                ),
            ),
            row(
                Table(
                    "All exporters",
                    (
                        (
                            f"max by ({BY}, version, revision, python)"
                            " (status_exporter_build_info{@exporter})"
                        ),
                        f"max by ({BY}) (status_exporter_shard{{@exporter}})",
                        f"max by ({BY}) (status_exporter_shards{{@exporter}})",
                        f"sum by ({BY}) (status_exporter_targets{{@exporter}})",
                        f"time() - max by ({BY}) ({RELOADED})",
                        f"max by ({BY}) (scrape_samples_scraped{{@exporter}} {OURS})",
                        f"avg by ({BY}) (status_exporter_target_up{{@target}})",
                    ),
                    "Every chosen exporter, with its release and its share of the targets.",
                    columns=(
                        Column("instance", "Exporter"),
                        Column("version", "Release"),
                        Column("revision", "Revision"),
                        Column("python", "Python"),
                        Column("B", "Shard", width=80),
                        Column("C", "Of shards", width=95),
                        Column("D", "Targets", width=90),
                        Column("G", "Up", "percentunit", width=80),
                        Column("E", "Configuration since", "dtdurations", width=190),
                        Column("F", "Series", width=90),
                    ),
                    sort_by="Exporter",
                    empty="none",
                ),
                height=7,
            ),
        ),
    ),
)
