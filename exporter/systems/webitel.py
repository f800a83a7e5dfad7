"""Webitel engine with the FreeSWITCH behind it: "Webitel Status", GET /api/v2/status.

Two dialects share the URL: up to 3.3 the keys have blanks (underscores in 2015) and the sizes
units, from 3.4 on the keys are camelCase and the sizes bytes. They are told apart key by key,
since the version may be empty. FreeSWITCH's part is the text of its `status` command; its lines
changed between 1.0 and 1.4 and not since (mod_commands.c).
"""

from exporter.readers import (
    clock_text,
    count,
    duration_words,
    first_word,
    kibibytes,
    kibibytes_or_unlimited,
    percent,
    size_text,
)
from exporter.spec import Counter, Endpoint, Gauge, Info, Lines, Match, Plain, System

_FREESWITCH_LINES = (
    r"UP (?P<uptime>.+)",
    r"FreeSWITCH(?: \(Version (?P<version>.+)\))? is (?P<ready>ready|not ready)",
    r"(?P<sessions_total>\d+) session\(s\) since startup",
    # Up to 1.2.3: sessions, of the last second, of at most so many a second.
    r"(?P<active>\d+) session\(s\) (?P<rate>\d+)/(?P<rate_limit>\d+)",
    # 1.2.4 to 1.2.10 and 1.3 to 1.5.4, the last two with the peak.
    (
        r"(?P<active>\d+) session\(s\) - (?P<rate>\d+) out of max (?P<rate_limit>\d+) per sec"
        r"(?: peak (?P<rate_peak>\d+))?"
    ),
    # 1.2.12, 1.4 and all since have the two lines below in its place.
    r"(?P<active>\d+) session\(s\) - peak (?P<peak>\d+), last 5min (?P<peak_5min>\d+)",
    (
        r"(?P<rate>\d+) session\(s\) per Sec out of max (?P<rate_limit>\d+),"
        r" peak (?P<rate_peak>\d+), last 5min (?P<rate_peak_5min>\d+)"
    ),
    r"(?P<limit>\d+) session\(s\) max",
    r"min idle cpu (?P<min_idle>\d+(?:\.\d+)?)/(?P<idle>\d+(?:\.\d+)?)",
    r"Current Stack Size/Max (?P<stack>-?\d+)K/(?P<stack_limit>-?\d+)K",
)

_FREESWITCH_FIELDS: tuple[Plain, ...] = (
    Match(
        "webitel_freeswitch_ready",
        ("/ready",),
        help="Whether FreeSWITCH says so (is ready, is not ready); 0 when it shuts down or calls are"
        " paused in both directions.",
        equals="ready",
    ),
    Info(
        "webitel_freeswitch_info",
        {"version": ("/version",)},
        help="The FreeSWITCH release (first word of Version).",
        reads={"version": first_word},
    ),
    Gauge(
        "webitel_freeswitch_uptime_seconds",
        ("/uptime",),
        help="Time since FreeSWITCH started (UP), a year being 365 days.",
        read=duration_words,
    ),
    Counter(
        "webitel_freeswitch_sessions_total",
        ("/sessions_total",),
        help="Sessions (channels) since FreeSWITCH started (session(s) since startup).",
        read=count,
    ),
    Gauge(
        "webitel_freeswitch_active_sessions",
        ("/active",),
        help="Sessions (channels) now open (session(s)).",
        read=count,
    ),
    Gauge(
        "webitel_freeswitch_sessions_peak",
        ("/peak",),
        help="Most sessions at once since FreeSWITCH started (peak).",
        read=count,
    ),
    Gauge(
        "webitel_freeswitch_sessions_peak_5min",
        ("/peak_5min",),
        help="Most sessions at once in the current 5-minute window, which restarts every 300 s"
        " (last 5min).",
        read=count,
    ),
    Gauge(
        "webitel_freeswitch_sessions_limit",
        ("/limit",),
        help="Most sessions FreeSWITCH takes at once (session(s) max).",
        read=count,
    ),
    Gauge(
        "webitel_freeswitch_session_rate",
        ("/rate",),
        help="Sessions begun in the last whole second (session(s) per Sec).",
        read=count,
    ),
    Gauge(
        "webitel_freeswitch_session_rate_limit",
        ("/rate_limit",),
        help="Most sessions FreeSWITCH begins in a second (out of max).",
        read=count,
    ),
    Gauge(
        "webitel_freeswitch_session_rate_peak",
        ("/rate_peak",),
        help="Most sessions begun in a second since FreeSWITCH started or its operator reset it;"
        " may exceed the limit (per Sec peak).",
        read=count,
    ),
    Gauge(
        "webitel_freeswitch_session_rate_peak_5min",
        ("/rate_peak_5min",),
        help="Most sessions begun in a second of the current 5-minute window (per Sec last 5min).",
        read=count,
    ),
    Gauge(
        "webitel_freeswitch_idle_cpu_ratio",
        ("/idle",),
        help="Idle CPU now (second figure of min idle cpu).",
        read=percent,
    ),
    Gauge(
        "webitel_freeswitch_min_idle_cpu_ratio",
        ("/min_idle",),
        help="Idle CPU below which FreeSWITCH refuses calls, 0 when off (first figure of min idle"
        " cpu).",
        read=percent,
    ),
    Gauge(
        "webitel_freeswitch_stack_size_bytes",
        ("/stack",),
        help="Stack size of a FreeSWITCH thread (Current Stack Size).",
        read=kibibytes,
    ),
    Gauge(
        "webitel_freeswitch_stack_size_limit_bytes",
        ("/stack_limit",),
        help="Hard limit of the stack size (Current Stack Max); absent when unlimited.",
        read=kibibytes_or_unlimited,
    ),
)

SYSTEM = System(
    name="webitel",
    title="Webitel engine and its FreeSWITCH",
    url_help="the engine, such as http://webitel.example.com:10022",
    endpoints=(
        Endpoint(
            path="/api/v2/status",
            fields=(
                Info(
                    "webitel_info",
                    {
                        "version": ("/version", "/Version"),
                        "node_version": ("/nodeVersion", "/Node version"),
                        "platform": ("/system/platform", "/OS/Platform"),
                        "os": ("/system/name", "/OS/Name"),
                        "arch": ("/system/architecture", "/OS/Architecture"),
                    },
                    help="The engine's release and what it runs on (version, nodeVersion,"
                    " system.platform, system.name, system.architecture).",
                ),
                Gauge(
                    "webitel_process_resident_memory_bytes",
                    ("/nodeMemory/rss", "/Node memory/rss"),
                    help="Resident memory of the worker (nodeMemory.rss); up to 3.3 rounded to a"
                    " tenth of its unit.",
                    read=size_text,
                ),
                Gauge(
                    "webitel_nodejs_heap_size_total_bytes",
                    ("/nodeMemory/heapTotal", "/Node memory/heapTotal"),
                    help="Heap of the worker (nodeMemory.heapTotal); up to 3.3 rounded to a tenth"
                    " of its unit.",
                    read=size_text,
                ),
                Gauge(
                    "webitel_nodejs_heap_size_used_bytes",
                    ("/nodeMemory/heapUsed", "/Node memory/heapUsed"),
                    help="Heap in use by the worker (nodeMemory.heapUsed); up to 3.3 rounded to a"
                    " tenth of its unit.",
                    read=size_text,
                ),
                Gauge(
                    "webitel_process_uptime_seconds",
                    ("/processUpTimeSec", "/Process up time"),
                    help="Time since the worker started (processUpTimeSec).",
                    read=clock_text,
                ),
                Gauge(
                    "webitel_process_id",
                    ("/processId", "/Process ID"),
                    help="Process id of the worker that answered (processId); it changes at a"
                    " respawn, and with each poll where several workers share the port.",
                    read=count,
                ),
                Gauge(
                    "webitel_websocket_sessions",
                    ("/socketSessions", "/Socket sessions"),
                    help="Open WebSocket connections of the worker (socketSessions).",
                    read=count,
                ),
                Gauge(
                    "webitel_user_sessions",
                    ("/userSessions", "/Users session", "/Users_Session"),
                    help="Users online on the worker (userSessions).",
                    read=count,
                ),
                Gauge(
                    "webitel_user_sessions_peak",
                    ("/maxUserSessions", "/Max users session", "/Max_Users_Session"),
                    help="Most users online at once since the worker started, not a limit"
                    " (maxUserSessions).",
                    read=count,
                ),
                Gauge(
                    "webitel_domain_sessions",
                    ("/domainSessions", "/Domain session", "/Domain_Session"),
                    help="Domains with a user online on the worker (domainSessions).",
                    read=count,
                ),
                Gauge(
                    "webitel_system_memory_total_bytes",
                    ("/system/totalMemory", "/OS/Total memory"),
                    help="Memory of the machine (system.totalMemory); up to 3.3 rounded to a tenth"
                    " of its unit.",
                    read=size_text,
                ),
                Gauge(
                    "webitel_system_memory_free_bytes",
                    ("/system/freeMemory", "/OS/Free memory"),
                    help="Free memory of the machine, its page cache counted as used"
                    " (system.freeMemory); up to 3.3 rounded to a tenth of its unit.",
                    read=size_text,
                ),
                Match(
                    "webitel_console_connected",
                    # A console that never came up is lower-case `status` in either dialect.
                    ("/wConsole/status", "/Webitel/Status", "/Webitel/status"),
                    help="Whether the engine is connected to the Webitel console (wConsole.status"
                    " is Connected).",
                    equals="Connected",
                ),
                Gauge(
                    "webitel_console_api_queue_length",
                    ("/wConsole/apiQueue", "/Webitel/ApiQueue"),
                    help="Console api commands without an answer yet (wConsole.apiQueue).",
                    read=count,
                ),
                Gauge(
                    "webitel_console_cmd_queue_length",
                    ("/wConsole/cmdQueue", "/Webitel/CmdQueue"),
                    help="Console cmd commands without an answer yet (wConsole.cmdQueue).",
                    read=count,
                ),
                Counter(
                    "webitel_worker_crashes_total",
                    ("/crashCount", "/CRASH_WORKER_COUNT"),
                    help="Workers that exited before this one was born (crashCount); restarts from"
                    " 0 with the engine.",
                    read=count,
                ),
                Lines(
                    "webitel_freeswitch_connected",
                    "/freeSWITCH",
                    help="Whether the engine had a status from FreeSWITCH (freeSWITCH).",
                    lines=_FREESWITCH_LINES,
                    shown_by=("uptime", "sessions_total"),
                    absent=(r"Connect server error\.", r"No ESL connect\.", r"-ERR.*"),
                    fields=_FREESWITCH_FIELDS,
                ),
            ),
        ),
    ),
)
