"""Webitel engines and their FreeSWITCH: links, sessions, workers."""

from grafana.source.words import (
    BY_TARGET,
    EXPORTERS_DOWN,
    GREEN,
    GREY,
    MAINTENANCE,
    ON,
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
    chosen,
    figures,
    row,
    section,
    targets_down,
    top,
    top_of,
)

USED = "target:webitel_freeswitch_sessions_used:ratio{@target}"
FREE = "webitel_system_memory_free_bytes{@target}"
MEMORY = "webitel_system_memory_total_bytes{@target}"
CONNECTED = "webitel_freeswitch_connected{@target}"
READY = "webitel_freeswitch_ready{@target}"
# An engine that has lost its FreeSWITCH does not report whether that is ready.
TIMES_READY = f"sum_over_time({READY}[$__range:$__interval] @ end())"
LEAST_READY = chosen(f"{TIMES_READY} or {ON} 0 * {CONNECTED} @ end()", lowest=True)
LINK = f"({CONNECTED} {LEAST_READY}) + {ON} {READY} or {ON} ({CONNECTED} {LEAST_READY})"


def _sum(metric: str, legend: str, *, is_dashed: bool = False) -> Query:
    return Query(f"sum(webitel_{metric}{{@target}})", legend, is_dashed=is_dashed)


def _max(metric: str, legend: str, *, is_dashed: bool = True) -> Query:
    return Query(f"max(webitel_freeswitch_{metric}{{@target}})", legend, is_dashed=is_dashed)


def _lost(title: str, metric: str, what: str) -> Stat:
    return Stat(
        title,
        f"sum({metric}{{@target}} == bool 0)",
        f"Engines that are up without a connection to {what}.",
        steps=(Step(1, RED),),
        empty="no engine up",
    )


BOARD = Board(
    name="webitel",
    title="Status exporter / Webitel and FreeSWITCH",
    description="Webitel engines and their FreeSWITCH: links, sessions, workers. If several workers"
    " share a port, each poll reaches another one, so values of the worker jump.",
    systems="webitel",
    alerts="Webitel|Freeswitch",
    marks=(
        Mark(
            "FreeSWITCH restarted",
            "resets(webitel_freeswitch_uptime_seconds{@target}[$__rate_interval]) > 0",
            "{{target}}",
            ORANGE,
        ),
        Mark(
            "FreeSWITCH lost or back",
            f"changes({CONNECTED}[$__rate_interval]) > 0",
            "{{target}}",
            RED,
        ),
        Mark(
            "Worker restarted",
            "resets(webitel_process_uptime_seconds{@target}[$__rate_interval]) > 0",
            "{{target}}",
            MAINTENANCE,
            # Several workers behind one port look like restarts all the time.
            is_shown=False,
        ),
    ),
    unused=(
        (
            "webitel_process_id",
            "an identifier; a change is a restart, which is an annotation, or another worker",
        ),
    ),
    sections=(
        section(
            "Now",
            *figures(
                EXPORTERS_DOWN,
                targets_down("Engines whose last poll failed.", ',system="webitel"'),
                _lost("FreeSWITCH lost", "webitel_freeswitch_connected", "their FreeSWITCH"),
                _lost("Console lost", "webitel_console_connected", "the Webitel console"),
                Stat(
                    "Engines",
                    'count(status_exporter_target_up{@target,system="webitel"})',
                    "The number of chosen engines that are polled.",
                    base=GREY,
                ),
                Stat(
                    "Sessions",
                    "sum(webitel_freeswitch_active_sessions{@target})",
                    "Open sessions (call legs) of all chosen switches. A call usually has two.",
                    base=GREY,
                    has_trend=True,
                ),
                Stat(
                    "Fullest switch",
                    f"max({USED})",
                    "The highest share of its limit of sessions that a switch uses. The alert fires at"
                    " 85 %.",
                    unit="percentunit",
                    steps=(Step(0.7, YELLOW), Step(0.85, RED)),
                    decimals=0,
                ),
                Stat(
                    "Users",
                    "sum(webitel_user_sessions{@target})",
                    "Users online on all chosen engines.",
                    base=GREY,
                    has_trend=True,
                ),
            ),
            row(
                Timeline(
                    "FreeSWITCH",
                    (LINK,),
                    "Whether the engine is connected to its FreeSWITCH, and whether FreeSWITCH accepts"
                    " calls. A gap is an engine that was down.",
                    words=(
                        Word(0, "lost", RED),
                        Word(1, "not ready", ORANGE),
                        Word(2, "ready", GREEN),
                    ),
                ),
                Timeline(
                    "Console",
                    (top("webitel_console_connected{@target}", lowest=True),),
                    "Whether the engine is connected to the Webitel console.",
                    words=(Word(0, "lost", RED), Word(1, "connected", GREEN)),
                ),
            ),
        ),
        section(
            "Sessions of FreeSWITCH",
            row(
                Lines(
                    "Sessions by switch",
                    top(USED),
                    "The share of its limit of sessions that a switch uses. The line is the alert's"
                    " threshold.",
                    unit="percentunit",
                    steps=(Step(0.85, RED),),
                ),
                Lines(
                    "Sessions of the chosen switches",
                    (
                        _sum("freeswitch_active_sessions", "open"),
                        _sum("freeswitch_sessions_peak_5min", "peak of 5 minutes", is_dashed=True),
                        _sum("freeswitch_sessions_peak", "peak since the start", is_dashed=True),
                        _sum("freeswitch_sessions_limit", "limit", is_dashed=True),
                    ),
                    "The sums of open sessions, peaks and limits. The peak restarts every 5 minutes.",
                ),
            ),
            row(
                Lines(
                    "New sessions",
                    top("rate(webitel_freeswitch_sessions_total{@target}[$__rate_interval])"),
                    "Accepted sessions per second of the busiest switches.",
                    unit="suffix:sessions/s",
                ),
                Lines(
                    "Idle CPU",
                    (
                        top("webitel_freeswitch_idle_cpu_ratio{@target}", lowest=True),
                        _max("min_idle_cpu_ratio", "refuses below"),
                    ),
                    "Idle CPU of the machines with the least, and the limit below which FreeSWITCH"
                    " refuses calls (0: never).",
                    unit="percentunit",
                    highest=1,
                ),
            ),
            row(
                Lines(
                    "Rate and its limit",
                    (
                        _max("session_rate", "last second", is_dashed=False),
                        _max("session_rate_peak_5min", "peak of 5 minutes"),
                        _max("session_rate_peak", "peak since reset"),
                        _max("session_rate_limit", "limit"),
                    ),
                    "Session attempts in one second, refused ones included, of the switch with the"
                    " most. The attempt that reaches the limit is refused, and all later ones of that"
                    " second.",
                    unit="suffix:sessions/s",
                ),
                Lines(
                    "Connections and users",
                    (
                        _sum("websocket_sessions", "WebSocket connections"),
                        _sum("user_sessions", "users"),
                        _sum("user_sessions_peak", "users, peak since the start", is_dashed=True),
                        _sum("domain_sessions", "domains with a user"),
                    ),
                    "Connections and users of all chosen engines. The peak is not a limit.",
                ),
            ),
        ),
        section(
            "Engine",
            row(
                Lines(
                    "Console queue",
                    (
                        Query(top("webitel_console_api_queue_length{@target}"), "{{target}} api"),
                        Query(top("webitel_console_cmd_queue_length{@target}"), "{{target}} cmd"),
                    ),
                    "Commands to the console that wait for an answer. The alert fires if more than 50"
                    " wait and the number grows.",
                    steps=(Step(50, YELLOW),),
                ),
                Lines(
                    "Workers that died",
                    top("increase(webitel_worker_crashes_total{@target}[15m])"),
                    "Workers that died and were replaced within 15 minutes. With several workers"
                    " behind one port, the value is approximate.",
                ),
            ),
            row(
                Lines(
                    "Memory of the worker",
                    top("webitel_process_resident_memory_bytes{@target}"),
                    "Resident memory of the workers with the most.",
                    unit="bytes",
                ),
                Lines(
                    "Free memory of the machine",
                    top_of(FREE, "/", MEMORY, lowest=True),
                    "Free memory of the machines with the least. The page cache counts as used, so"
                    " low values are often harmless. The line is the alert's threshold.",
                    unit="percentunit",
                    steps=(Step(0.03, YELLOW),),
                ),
            ),
            row(
                Lines(
                    "Heap of the workers",
                    (
                        _sum("nodejs_heap_size_used_bytes", "used"),
                        _sum("nodejs_heap_size_total_bytes", "committed", is_dashed=True),
                    ),
                    "Node.js heap of all chosen engines.",
                    unit="bytes",
                ),
            ),
        ),
        section(
            "Engines",
            row(
                Table(
                    "All engines",
                    (
                        (
                            f"max by ({BY_TARGET}, version, node_version, os, platform, arch)"
                            " (webitel_info{@target})"
                        ),
                        (
                            f"max by ({BY_TARGET}, freeswitch) (label_replace("
                            'webitel_freeswitch_info{@target}, "freeswitch", "$1", "version", "(.+)"))'
                        ),
                        f"max by ({BY_TARGET}) (webitel_process_uptime_seconds{{@target}})",
                        f"max by ({BY_TARGET}) (webitel_freeswitch_uptime_seconds{{@target}})",
                        f"max by ({BY_TARGET}) (webitel_freeswitch_stack_size_bytes{{@target}})",
                        f"max by ({BY_TARGET}) (webitel_freeswitch_stack_size_limit_bytes{{@target}})",
                    ),
                    "Every chosen engine that is up, with its releases. A stack without a limit is"
                    " unlimited.",
                    columns=(
                        Column("target", "Target"),
                        Column("version", "Webitel"),
                        Column("node_version", "Node.js", width=95),
                        Column("os", "System", width=85),
                        Column("arch", "Machine", width=85),
                        Column("freeswitch", "FreeSWITCH", width=105),
                        Column("C", "Worker up for", "dtdurations", width=180),
                        Column("D", "FreeSWITCH up for", "dtdurations", width=180),
                        Column("E", "Stack", "bytes", width=85),
                        Column("F", "Stack limit", "bytes", width=95),
                    ),
                    sort_by="Target",
                    empty="none is up",
                ),
            ),
        ),
    ),
)
