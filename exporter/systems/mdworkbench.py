"""MDWorkbench Server of Sodius Willert: "Integrating Server State", since 2.2.0.

Neither the XML root nor the choice between attributes and child elements is documented, so both
are read, under any root and namespace.
"""

from exporter.readers import count, flag, iso_time
from exporter.spec import (
    VALUE,
    Action,
    Count,
    Drain,
    Each,
    Endpoint,
    Gauge,
    Option,
    Param,
    States,
    System,
)

_LAUNCHES_HELP = "Launches in the queue by state (launch.running, launch.waiting)."

SYSTEM = System(
    name="mdworkbench",
    title="MDWorkbench Server",
    url_help="the server, such as https://mdw.example.com; with the context path where that is not"
    " /mdworkbench, such as https://mdw.example.com/studio",
    params=(
        Param(
            "launch_queue",
            "switch",
            help="Whether to ask for the list of launches as well, a second request each poll.",
            default="false",
            choices=("false", "true"),
        ),
    ),
    actions=(
        Action(
            name="state",
            help="The state asked of the server; launches that run go on to their end.",
            method="PUT",
            context="/mdworkbench",
            path="/server/state",
            query={"value": VALUE, "resumeOnRestart": "resume-on-restart"},
            values=("active", "suspended", "maintenance"),
            options=(
                Option(
                    name="resume-on-restart",
                    help="Whether a restart resumes the launch queue; matters in maintenance only.",
                    default="true",
                    shown_by="mdworkbench_resume_on_restart",
                    heeded_with=("maintenance",),
                ),
            ),
            shown_by="mdworkbench_server_state",
            drain=Drain(
                metric="mdworkbench_launches",
                labels={"state": "running"},
                help="running launches",
                values=("suspended", "maintenance"),
            ),
        ),
    ),
    endpoints=(
        Endpoint(
            context="/mdworkbench",
            path="/server/state",
            formats=("json", "xml"),
            roots=("state", "launch"),
            fields=(
                States(
                    "mdworkbench_server_state",
                    ("/state/value", "/state/#text", "/state"),
                    help="The state asked of the server (state.value): 1 for the present one;"
                    " running launches still drain in suspended and maintenance.",
                    states=("active", "suspended", "maintenance"),
                ),
                Gauge(
                    "mdworkbench_resume_on_restart",
                    ("/state/resumeOnRestart",),
                    help="Whether a restart resumes the launch queue (state.resumeOnRestart);"
                    " matters in maintenance only.",
                    read=flag,
                ),
                Gauge(
                    "mdworkbench_launches",
                    ("/launch/running",),
                    help=_LAUNCHES_HELP,
                    read=count,
                    labels={"state": "running"},
                ),
                Gauge(
                    "mdworkbench_launches",
                    ("/launch/waiting",),
                    help=_LAUNCHES_HELP,
                    read=count,
                    labels={"state": "waiting"},
                ),
            ),
        ),
        Endpoint(
            context="/mdworkbench",
            path="/launch",
            when=("launch_queue", "true"),
            fields=(
                Each(
                    "",
                    labels={"service": ("/service",), "state": ("/state",)},
                    fields=(
                        Count(
                            "mdworkbench_service_launches",
                            help="Launches in the queue by service and state (service, state); only"
                            " with launch_queue.",
                        ),
                    ),
                ),
                Each(
                    "",
                    where=("/state", "waiting"),
                    fields=(
                        Gauge(
                            "mdworkbench_launch_oldest_waiting_request_timestamp_seconds",
                            ("/requestTime",),
                            help="When the launch was asked for that waits the longest"
                            " (requestTime), in Unix seconds; absent when none waits.",
                            read=iso_time,
                            merge="least",
                        ),
                    ),
                ),
                Each(
                    "",
                    where=("/state", "running"),
                    fields=(
                        Gauge(
                            "mdworkbench_launch_oldest_running_start_timestamp_seconds",
                            ("/startTime",),
                            help="When the launch began that runs the longest (startTime), in Unix"
                            " seconds; absent when none runs.",
                            read=iso_time,
                            merge="least",
                        ),
                    ),
                ),
            ),
        ),
    ),
)
