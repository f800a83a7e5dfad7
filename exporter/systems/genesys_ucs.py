"""Genesys Universal Contact Server, Context Services: "Query Server Status", since 8.0.100.00.

"Set Server Mode" is its action: the server denies everything with 503 while it switches.

The page describes `allocated_memory` and `free_memory` the wrong way round: in its own example
used = allocated - free to the unit, and the figures are multiples of 64, as HotSpot aligns KiB.
"""

from exporter.readers import count, iso_time, kibibytes
from exporter.spec import (
    POLL_TIME,
    VALUE,
    Action,
    Counter,
    Difference,
    Endpoint,
    Gauge,
    Info,
    States,
    System,
)

_ERRORS_HELP = (
    "Requests answered with an error (client_errors_today: the caller's, server_errors_today: the"
    " server's); restarts from 0 at UCS restart and each day."
)

SYSTEM = System(
    name="genesys_ucs",
    title="Genesys Universal Contact Server",
    url_help="with its base path, such as https://ucs.example.com:8080/cv or .../genesys/1/cs",
    actions=(
        Action(
            name="mode",
            help="The server's mode; while it switches, a minute or more, it denies everything.",
            method="POST",
            path="/server/mode",
            body={"mode": VALUE},
            values=("production", "maintenance"),
            shown_by="genesys_ucs_mode",
        ),
    ),
    endpoints=(
        Endpoint(
            path="/server/status",
            fields=(
                Info(
                    "genesys_ucs_info",
                    {"version": ("/version",)},
                    help="The UCS release (version).",
                ),
                States(
                    "genesys_ucs_mode",
                    ("/mode",),
                    help="Server mode (mode): 1 for the present one.",
                    states=("production", "maintenance"),
                    label="mode",
                ),
                Gauge(
                    "genesys_ucs_jvm_memory_max_bytes",
                    ("/max_memory",),
                    help="The most memory the JVM will attempt to use (max_memory, in KiB).",
                    read=kibibytes,
                ),
                Gauge(
                    "genesys_ucs_jvm_memory_committed_bytes",
                    ("/allocated_memory",),
                    help="Heap the JVM holds from the system (allocated_memory, in KiB).",
                    read=kibibytes,
                ),
                Gauge(
                    "genesys_ucs_jvm_memory_used_bytes",
                    ("/used_memory", Difference("/allocated_memory", "/free_memory")),
                    help="Heap in use (used_memory, else allocated_memory - free_memory, in KiB).",
                    read=kibibytes,
                ),
                Gauge(
                    "genesys_ucs_jvm_memory_free_bytes",
                    ("/free_memory",),
                    help="Unused part of the committed heap (free_memory, in KiB).",
                    read=kibibytes,
                ),
                Counter(
                    "genesys_ucs_requests_total",
                    ("/request_today",),
                    help="Requests (request_today); restarts from 0 at UCS restart and each day.",
                    read=count,
                ),
                Counter(
                    "genesys_ucs_request_errors_total",
                    ("/client_errors_today",),
                    help=_ERRORS_HELP,
                    read=count,
                    labels={"class": "client"},
                ),
                Counter(
                    "genesys_ucs_request_errors_total",
                    ("/server_errors_today",),
                    help=_ERRORS_HELP,
                    read=count,
                    labels={"class": "server"},
                ),
                Gauge(
                    "genesys_ucs_start_time_seconds",
                    ("/started",),
                    help="When the UCS started (started), in Unix seconds.",
                    read=iso_time,
                ),
                Gauge(
                    "genesys_ucs_last_request_timestamp_seconds",
                    ("/last_request",),
                    help="When the last web service request came (last_request), in Unix seconds;"
                    " before the start time until there was one.",
                    read=iso_time,
                ),
                Gauge(
                    "genesys_ucs_system_time_seconds",
                    ("/system_time",),
                    help="The server's clock (system_time), in Unix seconds.",
                    read=iso_time,
                ),
                Gauge(
                    "genesys_ucs_clock_skew_seconds",
                    (Difference("/system_time", POLL_TIME),),
                    help="The server's clock (system_time) less the exporter's; exact to half of"
                    " what the poll took.",
                    read=iso_time,
                ),
            ),
        ),
    ),
)
