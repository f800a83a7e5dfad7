"""Universal Contact Servers: mode, requests and errors, heap, clock."""

from grafana.source.words import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
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
    timeline,
)

BY_TARGET = "job, instance, target"
HEAP = "genesys_ucs_jvm_memory_used_bytes{@target} / genesys_ucs_jvm_memory_max_bytes{@target}"
REQUESTS = "rate(genesys_ucs_requests_total{@target}[$__rate_interval])"
SERVER_ERRORS = 'rate(genesys_ucs_request_errors_total{@target,class="server"}[$__rate_interval])'
SILENCE = (
    "genesys_ucs_system_time_seconds{@target} - genesys_ucs_last_request_timestamp_seconds{@target}"
)
UPTIME = "genesys_ucs_system_time_seconds{@target} - genesys_ucs_start_time_seconds{@target}"
MODE = (
    'genesys_ucs_mode{@target,mode="maintenance"}'
    ' + ignoring (mode) 2 * genesys_ucs_mode{@target,mode="unknown"}'
)

BOARD = Board(
    name="genesys_ucs",
    title="Status exporter / Genesys UCS",
    description="Universal Contact Servers: mode, requests and errors, heap, clock.",
    targets='system="genesys_ucs"',
    marks=(
        Mark(
            name="UCS restarted",
            expr="changes(genesys_ucs_start_time_seconds{@target}[$__rate_interval]) > 0",
            text="{{target}}",
            color=ORANGE,
        ),
        Mark(
            name="Mode changed",
            expr='changes(genesys_ucs_mode{@target,mode="maintenance"}[$__rate_interval]) > 0',
            text="{{target}}",
            color=BLUE,
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
                            'count(status_exporter_target_up{@target,system="genesys_ucs"} == 0)'
                            " or vector(0)",
                            "Servers whose last poll failed. One that switches its mode answers"
                            " 503 for a minute or so.",
                            steps=(Step(1, RED),),
                        ),
                        stat(
                            "In maintenance",
                            'sum(genesys_ucs_mode{@target,mode="maintenance"})',
                            "Servers that answer 503 to all but schema operations.",
                            steps=(Step(1, BLUE),),
                        ),
                        stat(
                            "Requests",
                            f"sum({REQUESTS})",
                            "Requests a second, of all chosen servers together.",
                            unit="reqps",
                            base=GREY,
                            decimals=2,
                        ),
                        stat(
                            "Server errors",
                            f"sum({SERVER_ERRORS}) / (sum({REQUESTS}) > 0) or vector(0)",
                            "Which part of the requests got a server error. The alert is at 5 % of"
                            " one server's.",
                            unit="percentunit",
                            steps=(Step(0.01, YELLOW), Step(0.05, RED)),
                            decimals=1,
                        ),
                        stat(
                            "Fullest heap",
                            f"max({HEAP})",
                            "Heap in use of the largest the JVM takes, where it is fullest. The"
                            " alert is at 90 %.",
                            unit="percentunit",
                            steps=(Step(0.8, YELLOW), Step(0.9, RED)),
                            decimals=0,
                        ),
                        stat(
                            "Since a restart",
                            f"min({UPTIME})",
                            "How long ago the server started that was started last.",
                            unit="dtdurations",
                            base=GREY,
                        ),
                    ),
                ),
                Row(
                    height=7,
                    panels=(
                        timeline(
                            "Mode",
                            f"topk($top, {MODE})",
                            "The mode of each server. A gap is a server that was down, or between"
                            " two modes. Of many servers, those not in production come first.",
                            (
                                Word(0, "production", GREEN),
                                Word(1, "maintenance", BLUE),
                                Word(2, "unknown", YELLOW),
                            ),
                        ),
                    ),
                ),
            ),
        ),
        Section(
            title="Requests",
            rows=(
                Row(
                    height=8,
                    panels=(
                        lines(
                            "Requests by server",
                            f"topk($top, {REQUESTS})",
                            "Requests a second of the busiest servers.",
                            unit="reqps",
                            width=8,
                        ),
                        lines(
                            "Errors by class",
                            (
                                Query(
                                    expr="sum by (class) (rate("
                                    "genesys_ucs_request_errors_total{@target}[$__rate_interval]))",
                                    legend="{{class}}",
                                ),
                            ),
                            "Errors a second of all chosen servers: `client` is the caller's fault,"
                            " `server` the server's.",
                            unit="reqps",
                            width=8,
                            stacked=True,
                        ),
                        lines(
                            "Server errors by server",
                            f"topk($top, {SERVER_ERRORS} / ignoring (class) ({REQUESTS} > 0))",
                            "Which part of a server's requests got a server error, where it is"
                            " most. The line is that of the alert.",
                            unit="percentunit",
                            width=8,
                            steps=(Step(0.05, RED),),
                        ),
                    ),
                ),
            ),
        ),
        Section(
            title="Heap and clock",
            rows=(
                Row(
                    height=8,
                    panels=(
                        lines(
                            "Heap by server",
                            f"topk($top, {HEAP})",
                            "Heap in use of the largest the JVM takes. A saw-tooth is normal; the"
                            " line is that of the alert.",
                            unit="percentunit",
                            steps=(Step(0.9, RED),),
                            highest=1,
                        ),
                        lines(
                            "Heap of the chosen servers",
                            (
                                Query(
                                    expr="sum(genesys_ucs_jvm_memory_used_bytes{@target})",
                                    legend="used",
                                ),
                                Query(
                                    expr="sum(genesys_ucs_jvm_memory_committed_bytes{@target})",
                                    legend="committed",
                                ),
                                Query(
                                    expr="sum(genesys_ucs_jvm_memory_free_bytes{@target})",
                                    legend="free of the committed",
                                ),
                                Query(
                                    expr="sum(genesys_ucs_jvm_memory_max_bytes{@target})",
                                    legend="largest",
                                ),
                            ),
                            "What the JVMs use, hold from their machines, have free of it, and may"
                            " hold at most.",
                            unit="bytes",
                        ),
                    ),
                ),
                Row(
                    height=8,
                    panels=(
                        lines(
                            "Since the last request",
                            f"topk($top, {SILENCE})",
                            "How long ago the last request came, by the server's own clock. The"
                            " alert is at 30 minutes in production.",
                            unit="s",
                            steps=(Step(1800, YELLOW),),
                        ),
                        lines(
                            "Clock skew",
                            "topk($top, abs(genesys_ucs_clock_skew_seconds{@target}))",
                            "How far the server's clock is from the exporter's, either way. The"
                            " line is that of the alert.",
                            unit="s",
                            steps=(Step(30, YELLOW),),
                        ),
                    ),
                ),
            ),
        ),
        Section(
            title="Servers",
            rows=(
                Row(
                    height=9,
                    panels=(
                        table(
                            "All servers",
                            (
                                f"max by ({BY_TARGET}, version) (genesys_ucs_info{{@target}})",
                                f"max by ({BY_TARGET}, mode) (genesys_ucs_mode{{@target}} == 1)",
                                f"max by ({BY_TARGET}) ({UPTIME})",
                                f"max by ({BY_TARGET}) ({HEAP})",
                                f"max by ({BY_TARGET}) ({SILENCE})",
                                f"max by ({BY_TARGET}) (genesys_ucs_clock_skew_seconds{{@target}})",
                            ),
                            "Every chosen server that is up, with its release.",
                            (
                                Column(source="target", title="Target"),
                                Column(source="version", title="Release"),
                                Column(source="mode", title="Mode"),
                                Column(source="C", title="Up for", unit="dtdurations"),
                                Column(
                                    source="D",
                                    title="Heap",
                                    unit="percentunit",
                                    steps=(Step(0.8, YELLOW), Step(0.9, RED)),
                                ),
                                Column(source="E", title="Last request", unit="s"),
                                Column(source="F", title="Clock skew", unit="s"),
                            ),
                            sort_by="Heap",
                            descending=True,
                        ),
                    ),
                ),
            ),
        ),
    ),
)
