"""Webitel engines and their FreeSWITCH: links, sessions, workers."""

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
USED = "webitel_freeswitch_active_sessions{@target} / webitel_freeswitch_sessions_limit{@target}"
FREE = "webitel_system_memory_free_bytes{@target} / webitel_system_memory_total_bytes{@target}"
LINK = (
    f"webitel_freeswitch_connected{{@target}} + on ({BY_TARGET})"
    f" (webitel_freeswitch_ready{{@target}} or on ({BY_TARGET})"
    " 0 * webitel_freeswitch_connected{@target})"
)


def _sum(metric: str, legend: str) -> Query:
    return Query(expr=f"sum({metric}{{@target}})", legend=legend)


def _most(metric: str, legend: str) -> Query:
    return Query(expr=f"max({metric}{{@target}})", legend=legend)


BOARD = Board(
    name="webitel",
    title="Status exporter / Webitel and FreeSWITCH",
    description="Webitel engines and their FreeSWITCH: links, sessions, workers. Where several"
    " workers share a port, each poll meets another of them, and the worker's figures change with"
    " it.",
    targets='system="webitel"',
    marks=(
        Mark(
            name="FreeSWITCH restarted",
            expr="resets(webitel_freeswitch_uptime_seconds{@target}[$__rate_interval]) > 0",
            text="{{target}}",
            color=ORANGE,
        ),
        Mark(
            name="FreeSWITCH lost or back",
            expr="changes(webitel_freeswitch_connected{@target}[$__rate_interval]) > 0",
            text="{{target}}",
            color=RED,
        ),
        Mark(
            name="Worker restarted",
            expr="resets(webitel_process_uptime_seconds{@target}[$__rate_interval]) > 0",
            text="{{target}}",
            color=BLUE,
            # Several workers behind one port look like restarts all the time.
            shown=False,
        ),
    ),
    unused=(
        (
            "webitel_process_id",
            (
                "a number without an order; a change of it is a restart, which is marked, or another"
                " worker."
            ),
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
                            'count(status_exporter_target_up{@target,system="webitel"} == 0)'
                            " or vector(0)",
                            "Engines whose last poll failed.",
                            steps=(Step(1, RED),),
                        ),
                        stat(
                            "FreeSWITCH lost",
                            "count(webitel_freeswitch_connected{@target} == 0) or vector(0)",
                            "Engines without a connection to their FreeSWITCH.",
                            steps=(Step(1, RED),),
                        ),
                        stat(
                            "Console lost",
                            "count(webitel_console_connected{@target} == 0) or vector(0)",
                            "Engines without a connection to the Webitel console.",
                            steps=(Step(1, RED),),
                        ),
                        stat(
                            "Sessions",
                            "sum(webitel_freeswitch_active_sessions{@target})",
                            "Sessions (call legs) that are open, of all chosen switches. A call has"
                            " two as a rule.",
                            base=GREY,
                        ),
                        stat(
                            "Fullest switch",
                            f"max({USED})",
                            "Sessions of the most the switch takes, where it is fullest. The alert"
                            " is at 85 %.",
                            unit="percentunit",
                            steps=(Step(0.7, YELLOW), Step(0.85, RED)),
                            decimals=0,
                        ),
                        stat(
                            "Users",
                            "sum(webitel_user_sessions{@target})",
                            "Users online, of all chosen engines.",
                            base=GREY,
                        ),
                    ),
                ),
                Row(
                    height=7,
                    panels=(
                        timeline(
                            "FreeSWITCH",
                            f"bottomk($top, {LINK})",
                            "Whether the engine has its FreeSWITCH, and whether that takes calls. A"
                            " gap is an engine that was down.",
                            (
                                Word(0, "lost", RED),
                                Word(1, "not ready", ORANGE),
                                Word(2, "ready", GREEN),
                            ),
                            width=12,
                        ),
                        timeline(
                            "Console",
                            "bottomk($top, webitel_console_connected{@target})",
                            "Whether the engine has its Webitel console.",
                            (Word(0, "lost", RED), Word(1, "connected", GREEN)),
                            width=12,
                        ),
                    ),
                ),
            ),
        ),
        Section(
            title="Sessions of FreeSWITCH",
            rows=(
                Row(
                    height=8,
                    panels=(
                        lines(
                            "Sessions by switch",
                            f"topk($top, {USED})",
                            "Sessions of the most the switch takes. The line is that of the alert.",
                            unit="percentunit",
                            steps=(Step(0.85, RED),),
                        ),
                        lines(
                            "Sessions of the chosen switches",
                            (
                                _sum("webitel_freeswitch_active_sessions", "open"),
                                _sum("webitel_freeswitch_sessions_peak_5min", "peak of 5 minutes"),
                                _sum("webitel_freeswitch_sessions_peak", "peak since the start"),
                                _sum("webitel_freeswitch_sessions_limit", "limit"),
                            ),
                            "Open sessions and their peaks beneath the limit, added up. The peak of"
                            " 5 minutes begins anew every 5 minutes.",
                        ),
                    ),
                ),
                Row(
                    height=8,
                    panels=(
                        lines(
                            "New sessions",
                            "topk($top,"
                            " rate(webitel_freeswitch_sessions_total{@target}[$__rate_interval]))",
                            "Accepted sessions a second, of the busiest switches.",
                            unit="cps",
                            width=8,
                        ),
                        lines(
                            "Rate and its limit",
                            (
                                _most("webitel_freeswitch_session_rate", "last second"),
                                _most(
                                    "webitel_freeswitch_session_rate_peak_5min",
                                    "peak of 5 minutes",
                                ),
                                _most("webitel_freeswitch_session_rate_peak", "peak since reset"),
                                _most("webitel_freeswitch_session_rate_limit", "limit"),
                            ),
                            "Session attempts in a second, refused ones included, of the switch that had"
                            " most. The attempt that reaches the limit is refused, and all after it.",
                            unit="cps",
                            width=8,
                        ),
                        lines(
                            "Idle CPU",
                            (
                                Query(
                                    expr="bottomk($top, webitel_freeswitch_idle_cpu_ratio{@target})"
                                ),
                                Query(
                                    expr="max(webitel_freeswitch_min_idle_cpu_ratio{@target})",
                                    legend="refuses below",
                                ),
                            ),
                            "Idle CPU of the machines that have least, and below how much"
                            " FreeSWITCH refuses calls (0: never).",
                            unit="percentunit",
                            width=8,
                            highest=1,
                        ),
                    ),
                ),
            ),
        ),
        Section(
            title="Engine",
            rows=(
                Row(
                    height=8,
                    panels=(
                        lines(
                            "Connections and users",
                            (
                                _sum("webitel_websocket_sessions", "WebSocket connections"),
                                _sum("webitel_user_sessions", "users"),
                                _sum("webitel_user_sessions_peak", "users, peak since the start"),
                                _sum("webitel_domain_sessions", "domains with a user"),
                            ),
                            "Who is connected, of all chosen engines. The peak is no limit.",
                            width=8,
                        ),
                        lines(
                            "Console queue",
                            (
                                Query(
                                    expr="topk($top, webitel_console_api_queue_length{@target})",
                                    legend="{{target}} api",
                                ),
                                Query(
                                    expr="topk($top, webitel_console_cmd_queue_length{@target})",
                                    legend="{{target}} cmd",
                                ),
                            ),
                            "Commands to the console without an answer yet. The alert is for more"
                            " than 50 that become more.",
                            width=8,
                            steps=(Step(50, YELLOW),),
                        ),
                        lines(
                            "Workers that died",
                            "topk($top,"
                            " increase(webitel_worker_crashes_total{@target}[$__rate_interval]))",
                            "Workers that ended and were replaced. Of several workers behind one"
                            " port, the figure is only roughly true.",
                            width=8,
                        ),
                    ),
                ),
                Row(
                    height=8,
                    panels=(
                        lines(
                            "Memory of the worker",
                            "topk($top, webitel_process_resident_memory_bytes{@target})",
                            "Resident memory of the workers that hold most.",
                            unit="bytes",
                            width=8,
                        ),
                        lines(
                            "Heap of the workers",
                            (
                                _sum("webitel_nodejs_heap_size_used_bytes", "used"),
                                _sum("webitel_nodejs_heap_size_total_bytes", "committed"),
                            ),
                            "Heap of Node.js, of all chosen engines.",
                            unit="bytes",
                            width=8,
                        ),
                        lines(
                            "Free memory of the machine",
                            f"bottomk($top, {FREE})",
                            "Free memory where it is least. The page cache counts as used, so"
                            " little is no alarm by itself.",
                            unit="percentunit",
                            width=8,
                            steps=(Step(0.03, GREEN),),
                            base=YELLOW,
                        ),
                    ),
                ),
            ),
        ),
        Section(
            title="Engines",
            rows=(
                Row(
                    height=9,
                    panels=(
                        table(
                            "All engines",
                            (
                                (
                                    f"max by ({BY_TARGET}, version, node_version, os, platform, arch)"
                                    " (webitel_info{@target})"
                                ),
                                (
                                    f"max by ({BY_TARGET}, freeswitch) (label_replace("
                                    'webitel_freeswitch_info{@target}, "freeswitch", "$1", "version",'
                                    ' "(.+)"))'
                                ),
                                f"max by ({BY_TARGET}) (webitel_process_uptime_seconds{{@target}})",
                                (
                                    f"max by ({BY_TARGET})"
                                    " (webitel_freeswitch_uptime_seconds{@target})"
                                ),
                                (
                                    f"max by ({BY_TARGET})"
                                    " (webitel_freeswitch_stack_size_bytes{@target})"
                                ),
                                (
                                    f"max by ({BY_TARGET})"
                                    " (webitel_freeswitch_stack_size_limit_bytes{@target})"
                                ),
                            ),
                            "Every chosen engine that is up, with its releases. A stack without a"
                            " limit is unlimited.",
                            (
                                Column(source="target", title="Target"),
                                Column(source="version", title="Webitel"),
                                Column(source="node_version", title="Node.js"),
                                Column(source="os", title="System"),
                                Column(source="arch", title="Machine"),
                                Column(source="freeswitch", title="FreeSWITCH"),
                                Column(source="C", title="Worker up for", unit="dtdurations"),
                                Column(source="D", title="FreeSWITCH up for", unit="dtdurations"),
                                Column(source="E", title="Stack", unit="bytes"),
                                Column(source="F", title="Stack limit", unit="bytes"),
                            ),
                            sort_by="Target",
                        ),
                    ),
                ),
            ),
        ),
    ),
)
