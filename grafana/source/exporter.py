"""The exporters themselves: whether they poll, keep up and understand what they get."""

from grafana.source.intake import ANSWERS, LIST_AGE, LISTS
from grafana.source.words import (
    BLUE,
    EXPORTERS_DOWN,
    GREEN,
    GREY,
    RED,
    YELLOW,
    Board,
    Column,
    Mark,
    Query,
    Row,
    Section,
    Step,
    Word,
    lines,
    stat,
    table,
)

BY = "job, instance"
OURS = f"and on ({BY}) status_exporter_build_info{{@exporter}}"
POLLS = "rate(status_exporter_polls_total{@target}[$__rate_interval])"
FAILURES = "rate(status_exporter_poll_failures_total{@target}[$__rate_interval])"
LATE = "rate(status_exporter_late_polls_total{@exporter}[$__rate_interval])"
LAG = "rate(status_exporter_loop_lag_seconds_bucket{@exporter}[$__rate_interval])"
LOGIN_FAILURES = "increase(status_exporter_login_failures_total{@exporter}[$__rate_interval])"


def _by_instance(expr: str) -> tuple[Query, ...]:
    return (Query(expr=expr, legend="{{instance}}"),)


def _durations(part: float, legend: str) -> Query:
    expr = f"quantile({part}, status_exporter_poll_duration_seconds{{@target}})"
    return Query(expr=expr, legend=legend)


BOARD = Board(
    name="exporter",
    title="Status exporter / Exporter",
    description="The exporters themselves: whether they poll, keep up and understand what they"
    " get.",
    marks=(
        Mark(
            name="Exporter restarted",
            expr=f"changes(process_start_time_seconds{{@exporter}}[$__rate_interval]) > 0 {OURS}",
            text="{{instance}}",
            color=BLUE,
        ),
        Mark(
            name="Configuration reloaded",
            expr="changes(status_exporter_config_last_reload_success_timestamp_seconds{@exporter}"
            "[$__rate_interval]) > 0",
            text="{{instance}}",
            color=GREEN,
        ),
    ),
    unused=(
        (
            "status_exporter_last_success_timestamp_seconds",
            "how old readings are stands on the overview.",
        ),
    ),
    sections=(
        Section(
            title="Now",
            rows=(
                Row(
                    height=4,
                    panels=(
                        stat(
                            "Down",
                            EXPORTERS_DOWN,
                            "Exporters that cannot be scraped and could be within the time shown.",
                            steps=(Step(1, RED),),
                            width=3,
                        ),
                        stat(
                            "Exporters",
                            "count(status_exporter_build_info{@exporter})",
                            "Exporters that answer scrapes.",
                            base=GREY,
                            width=3,
                        ),
                        stat(
                            "Targets",
                            "sum(status_exporter_targets{@exporter})",
                            "Targets that the chosen exporters poll.",
                            base=GREY,
                            width=3,
                        ),
                        stat(
                            "Failing",
                            f"sum({FAILURES}) / (sum({POLLS}) > 0) or vector(0)",
                            "Which part of the polls fails. What fails is asked less often, so it"
                            " is less than the part of targets that are down.",
                            unit="percentunit",
                            steps=(Step(0.001, YELLOW), Step(0.1, RED)),
                            width=3,
                            decimals=1,
                        ),
                        stat(
                            "Late",
                            f"sum({LATE}) / (sum({POLLS}) > 0) or vector(0)",
                            "Which part of the polls left later than it should. The alert is at"
                            " 5 %.",
                            unit="percentunit",
                            steps=(Step(0.01, YELLOW), Step(0.05, RED)),
                            width=3,
                            decimals=1,
                        ),
                        stat(
                            "Configuration",
                            "min(status_exporter_config_last_reload_successful{@exporter})",
                            "Whether every exporter has taken over its file, or one works with an"
                            " old one.",
                            unit="none",
                            base=RED,
                            steps=(Step(1, GREEN),),
                            words=(Word(1, "taken over", GREEN), Word(0, "old one", RED)),
                            width=3,
                        ),
                        stat(
                            "Oldest list",
                            f"max({LIST_AGE})",
                            "How long ago the lists of the discovery that is worst off were all"
                            " good. Beyond a few refresh intervals its targets are those of"
                            " before.",
                            unit="s",
                            steps=(Step(900, YELLOW), Step(3600, RED)),
                            width=3,
                            decimals=0,
                            empty="no lists",
                        ),
                        stat(
                            "Failed logins",
                            f"sum({LOGIN_FAILURES}) or vector(0)",
                            "Logins and token requests that failed of late. Their targets are up"
                            " for as long as the token at hand is good.",
                            steps=(Step(0.1, RED),),
                            width=3,
                            decimals=0,
                        ),
                    ),
                ),
            ),
        ),
        Section(
            title="Polls",
            rows=(
                Row(
                    height=8,
                    panels=(
                        lines(
                            "Polls by exporter",
                            _by_instance(f"sum by (instance) ({POLLS})"),
                            "Polls a second, by exporter.",
                            unit="cps",
                            width=8,
                        ),
                        lines(
                            "Failures by reason",
                            (Query(expr=f"sum by (reason) ({FAILURES})", legend="{{reason}}"),),
                            "Failed polls a second. `stale` and `internal` are the exporter's own"
                            " fault.",
                            unit="cps",
                            width=8,
                            stacked=True,
                        ),
                        lines(
                            "How long polls take",
                            (
                                _durations(0.5, "half"),
                                _durations(0.9, "nine of ten"),
                                _durations(0.99, "99 of 100"),
                                _durations(1, "the slowest"),
                            ),
                            "The last poll of each chosen target: how many took how long at most.",
                            unit="s",
                            width=8,
                        ),
                    ),
                ),
                Row(
                    height=8,
                    panels=(
                        lines(
                            "Late polls",
                            _by_instance(
                                f"sum by (instance) ({LATE}) / (sum by (instance) ({POLLS}) > 0)"
                            ),
                            "Which part left more than one tick after it was due. The line is that"
                            " of the alert.",
                            unit="percentunit",
                            width=8,
                            steps=(Step(0.05, RED),),
                        ),
                        lines(
                            "Loop lag",
                            (
                                Query(
                                    expr=f"histogram_quantile(0.5, sum by (le) ({LAG}))",
                                    legend="half",
                                ),
                                Query(
                                    expr=f"histogram_quantile(0.99, sum by (le) ({LAG}))",
                                    legend="99 of 100",
                                ),
                            ),
                            "How much later than planned the event loop came round. The line is"
                            " that of the alert.",
                            unit="s",
                            width=8,
                            steps=(Step(0.25, RED),),
                        ),
                        lines(
                            "Average lag by exporter",
                            _by_instance(
                                "sum by (instance) (rate("
                                "status_exporter_loop_lag_seconds_sum{@exporter}"
                                "[$__rate_interval])) / (sum by (instance) (rate("
                                "status_exporter_loop_lag_seconds_count{@exporter}"
                                "[$__rate_interval])) > 0)"
                            ),
                            "The same on average, to find the exporter that has too much to do.",
                            unit="s",
                            width=8,
                        ),
                    ),
                ),
            ),
        ),
        ANSWERS,
        LISTS,
        Section(
            title="Process",
            rows=(
                Row(
                    height=8,
                    panels=(
                        lines(
                            "CPU",
                            _by_instance(
                                f"rate(process_cpu_seconds_total{{@exporter}}[$__rate_interval])"
                                f" {OURS}"
                            ),
                            "Cores in use. One is all that an exporter can use: near it, share the"
                            " targets between several.",
                            unit="percentunit",
                            width=6,
                            steps=(Step(0.8, YELLOW), Step(0.95, RED)),
                        ),
                        lines(
                            "Memory",
                            _by_instance(f"process_resident_memory_bytes{{@exporter}} {OURS}"),
                            "Resident memory. It follows the number of targets, and does not grow"
                            " with time.",
                            unit="bytes",
                            width=6,
                        ),
                        lines(
                            "Open files",
                            _by_instance(
                                "process_open_fds{@exporter} / process_max_fds{@exporter}"
                                f" {OURS}"
                            ),
                            "Open files of the most allowed. Each connection to a server is one.",
                            unit="percentunit",
                            width=6,
                            steps=(Step(0.8, RED),),
                        ),
                        lines(
                            "Scrapes",
                            _by_instance(f"scrape_duration_seconds{{@exporter}} {OURS}"),
                            "How long Prometheus' scrapes take. Beyond its `scrape_timeout` the"
                            " exporter counts as down.",
                            unit="s",
                            width=6,
                        ),
                    ),
                ),
                Row(
                    height=7,
                    panels=(
                        table(
                            "All exporters",
                            (
                                (
                                    f"max by ({BY}, version, revision, python)"
                                    " (status_exporter_build_info{@exporter})"
                                ),
                                f"max by ({BY}) (status_exporter_shard{{@exporter}})",
                                f"max by ({BY}) (status_exporter_shards{{@exporter}})",
                                f"sum by ({BY}) (status_exporter_targets{{@exporter}})",
                                (
                                    f"time() - max by ({BY})"
                                    " (status_exporter_config_last_reload_success_timestamp_seconds"
                                    "{@exporter})"
                                ),
                                f"max by ({BY}) (scrape_samples_scraped{{@exporter}} {OURS})",
                                f"avg by ({BY}) (status_exporter_target_up{{@target}})",
                            ),
                            "Every chosen exporter, with its release and its share of the targets.",
                            (
                                Column(source="instance", title="Exporter"),
                                Column(source="version", title="Release"),
                                Column(source="revision", title="Revision"),
                                Column(source="python", title="Python"),
                                Column(source="B", title="Shard"),
                                Column(source="C", title="Of shards"),
                                Column(source="D", title="Targets"),
                                Column(source="G", title="Up", unit="percentunit"),
                                Column(source="E", title="Configuration since", unit="s"),
                                Column(source="F", title="Series"),
                            ),
                            sort_by="Exporter",
                        ),
                    ),
                ),
            ),
        ),
    ),
)
