"""Universal Contact Servers: mode, requests and errors, heap, clock."""

from grafana.source.words import (
    BY_TARGET,
    EXPORTERS_DOWN,
    GREEN,
    GREY,
    MAINTENANCE,
    ORANGE,
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
    Timeline,
    Word,
    average,
    chosen,
    figures,
    row,
    section,
    targets_down,
    top,
    top_of,
)

HEAP = "target:genesys_ucs_jvm_memory_used:ratio{@target}"
REQUESTS = "rate(genesys_ucs_requests_total{@target}[$__rate_interval])"
# Both over the period of the alert.
ERRORS = 'increase(genesys_ucs_request_errors_total{@target,class="server"}[15m])'
OF_REQUESTS = "increase(genesys_ucs_requests_total{@target}[15m])"
CLOCK = "genesys_ucs_system_time_seconds{@target}"
LAST_REQUEST = "genesys_ucs_last_request_timestamp_seconds{@target}"
SILENCE = f"{CLOCK} - {LAST_REQUEST}"
UPTIME = f"{CLOCK} - genesys_ucs_start_time_seconds{{@target}}"
LEAST_PRODUCTIVE = chosen(average('genesys_ucs_mode{@target,mode="production"}'), lowest=True)
MODE = (
    f'(genesys_ucs_mode{{@target,mode="maintenance"}} {LEAST_PRODUCTIVE}) + ignoring (mode)'
    f' 2 * (genesys_ucs_mode{{@target,mode="unknown"}} {LEAST_PRODUCTIVE})'
)
MODES = (
    Word(0, "production", GREEN),
    Word(1, "maintenance", MAINTENANCE),
    Word(2, "unknown", YELLOW),
)


def _sum(part: str, legend: str, *, is_dashed: bool = False) -> Query:
    return Query(
        f"sum(genesys_ucs_jvm_memory_{part}_bytes{{@target}})", legend, is_dashed=is_dashed
    )


BOARD = Board(
    name="genesys_ucs",
    title="Status exporter / Genesys UCS",
    description="Universal Contact Servers: mode, requests and errors, heap, clock.",
    systems="genesys_ucs",
    alerts="Ucs",
    marks=(
        Mark(
            "UCS restarted",
            "changes(genesys_ucs_start_time_seconds{@target}[$__rate_interval]) > 0",
            "{{target}}",
            ORANGE,
        ),
        Mark(
            "Mode changed",
            'changes(genesys_ucs_mode{@target,mode="maintenance"}[$__rate_interval]) > 0',
            "{{target}}",
            MAINTENANCE,
        ),
    ),
    sections=(
        section(
            "Now",
            *figures(
                EXPORTERS_DOWN,
                targets_down(
                    "Servers whose last poll failed. A server that switches its mode answers 503 for"
                    " about a minute.",
                    ',system="genesys_ucs"',
                ),
                Stat(
                    "In maintenance",
                    'sum(genesys_ucs_mode{@target,mode="maintenance"})',
                    "Servers that answer 503 to everything except schema operations.",
                    steps=(Step(1, MAINTENANCE),),
                ),
                Stat(
                    "Servers",
                    'count(status_exporter_target_up{@target,system="genesys_ucs"})',
                    "The number of chosen servers that are polled.",
                    base=GREY,
                ),
                Stat(
                    "Requests",
                    f"sum({REQUESTS} and genesys_ucs_requests_total{{@target}})",
                    "Requests per second of all chosen servers that are up.",
                    unit="reqps",
                    base=GREY,
                    decimals=2,
                    has_trend=True,
                ),
                Stat(
                    "Server errors",
                    f"sum({ERRORS} and genesys_ucs_request_errors_total{{@target}})"
                    f" / (sum({OF_REQUESTS}) > 0)",
                    "The share of requests that got a server error in the last 15 minutes. The alert"
                    " fires at 5 % of a single server.",
                    unit="percentunit",
                    steps=(Step(0.01, YELLOW), Step(0.05, RED)),
                    decimals=1,
                    empty="no requests",
                ),
                Stat(
                    "Fullest heap",
                    f"max({HEAP})",
                    "The highest share of its maximum heap that a JVM uses. The alert fires at 90 %.",
                    unit="percentunit",
                    steps=(Step(0.8, YELLOW), Step(0.9, RED)),
                    decimals=0,
                ),
                Stat(
                    "Since a restart",
                    f"min({UPTIME})",
                    "The time since the most recent start of a server.",
                    unit="dtdurations",
                    base=GREY,
                ),
            ),
            row(
                Timeline(
                    "Mode",
                    (MODE,),
                    "The mode of each server. A gap is a server that was down, or between two modes."
                    " If there are many, those that were in production least are shown.",
                    words=MODES,
                ),
            ),
        ),
        section(
            "Requests",
            row(
                Lines(
                    "Requests by server",
                    top(REQUESTS),
                    "Requests per second of the busiest servers.",
                    unit="reqps",
                ),
                Lines(
                    "Server errors by server",
                    top("target:genesys_ucs_server_errors:ratio_increase15m{@target}"),
                    "The share of a server's requests that got a server error in 15 minutes, for the"
                    " servers with the highest. The line is the alert's threshold.",
                    unit="percentunit",
                    steps=(Step(0.05, RED),),
                ),
            ),
            row(
                Lines(
                    "Errors by class",
                    (
                        Query(
                            "sum by (class) (rate("
                            "genesys_ucs_request_errors_total{@target}[$__rate_interval]))",
                            "{{class}}",
                        ),
                    ),
                    "Errors per second of all chosen servers. The caller causes those of class"
                    " `client`, and the server those of class `server`.",
                    unit="suffix:errors/s",
                    words=(Word("client", "client", YELLOW), Word("server", "server", RED)),
                    is_stacked=True,
                ),
            ),
        ),
        section(
            "Heap and clock",
            row(
                Lines(
                    "Heap by server",
                    top(HEAP),
                    "The share of its maximum heap that a JVM uses. A saw-tooth is normal. The line"
                    " is the alert's threshold.",
                    unit="percentunit",
                    steps=(Step(0.9, RED),),
                    highest=1,
                ),
                Lines(
                    "Heap of the chosen servers",
                    (
                        _sum("used", "used"),
                        _sum("committed", "committed"),
                        _sum("free", "free of the committed"),
                        _sum("max", "maximum", is_dashed=True),
                    ),
                    "The sums of used, committed, free and maximum heap.",
                    unit="bytes",
                ),
            ),
            row(
                Lines(
                    "Since the last request",
                    top_of(CLOCK, "-", LAST_REQUEST),
                    "The time since the last request, by the server's clock. The alert fires after 30"
                    " minutes in production.",
                    unit="s",
                    steps=(Step(1800, YELLOW),),
                ),
                Lines(
                    "Clock skew",
                    top("abs(genesys_ucs_clock_skew_seconds{@target})"),
                    "How far the server's clock is from the exporter's, ahead or behind. The line is"
                    " the alert's threshold.",
                    unit="s",
                    steps=(Step(30, YELLOW),),
                ),
            ),
        ),
        section(
            "Servers",
            row(
                Table(
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
                    columns=(
                        Column("target", "Target"),
                        Column("version", "Release"),
                        Column(
                            "mode",
                            "Mode",
                            words=tuple(Word(one.text, one.text, one.color) for one in MODES),
                            width=120,
                        ),
                        Column("C", "Up for", "dtdurations", width=190),
                        Column(
                            "D",
                            "Heap",
                            "percentunit",
                            steps=(Step(0.8, YELLOW), Step(0.9, RED)),
                            width=90,
                        ),
                        Column("E", "Last request", "s", width=120),
                        Column("F", "Clock skew", "s", width=110),
                    ),
                    sort_by="Heap",
                    descending=True,
                    empty="none is up",
                ),
            ),
        ),
    ),
)
