"""MDWorkbench servers: their state and their launch queues."""

from grafana.source.words import (
    BY_TARGET,
    EXPORTERS_DOWN,
    GREEN,
    GREY,
    MAINTENANCE,
    ON,
    RED,
    SUSPENDED,
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
)

RUNNING = 'mdworkbench_launches{@target,state="running"}'
WAITING = 'mdworkbench_launches{@target,state="waiting"}'
ACTIVE = 'mdworkbench_server_state{@target,state="active"}'
SINCE_WAITING = "mdworkbench_launch_oldest_waiting_request_timestamp_seconds{@target}"
SINCE_RUNNING = "mdworkbench_launch_oldest_running_start_timestamp_seconds{@target}"
OLDEST_WAITING = f"time() - {SINCE_WAITING}"
OLDEST_RUNNING = f"time() - {SINCE_RUNNING}"
SAFE = "target:mdworkbench_safe_to_stop:bool{@target}"
LEAST_ACTIVE = chosen(average(ACTIVE), lowest=True)
STATE = " + ignoring (state) ".join(
    f'{code} * (mdworkbench_server_state{{@target,state="{state}"}} {LEAST_ACTIVE})'
    for code, state in enumerate(("suspended", "maintenance", "unknown"), 1)
)
STATES = (
    Word(0, "active", GREEN),
    Word(1, "suspended", SUSPENDED),
    Word(2, "maintenance", MAINTENANCE),
    Word(3, "unknown", YELLOW),
)

BOARD = Board(
    name="mdworkbench",
    title="Status exporter / MDWorkbench",
    description="MDWorkbench servers: their state and their launch queues. The server reports how"
    " many launches wait and run, not how many were completed, so there is no throughput.",
    systems="mdworkbench",
    alerts="Mdworkbench",
    marks=(
        Mark(
            "State changed",
            f"changes({ACTIVE}[$__rate_interval]) > 0",
            "{{target}}",
            MAINTENANCE,
        ),
    ),
    sections=(
        section(
            "Now",
            *figures(
                EXPORTERS_DOWN,
                targets_down("Servers whose last poll failed.", ',system="mdworkbench"'),
                Stat(
                    "Stuck",
                    f"sum(({WAITING} > bool 0) * {ON} ({RUNNING} == bool 0) * {ON} {ACTIVE})",
                    "Active servers where launches wait and none runs. That is normal for a moment;"
                    " the alert fires after 5 minutes.",
                    steps=(Step(1, RED),),
                ),
                Stat(
                    "Not active",
                    'sum(mdworkbench_server_state{@target,state!="active"})',
                    "Servers that are suspended, in maintenance or in an unknown state.",
                    steps=(Step(1, MAINTENANCE),),
                ),
                Stat(
                    "Waiting",
                    f"sum({WAITING})",
                    "Waiting launches of all chosen servers.",
                    base=GREY,
                    has_trend=True,
                ),
                Stat(
                    "Waits longest",
                    f"max({OLDEST_WAITING})",
                    "How long the oldest launch has waited. The alert fires after an hour, for active"
                    " servers. Only targets with `launch_queue` report it.",
                    unit="s",
                    steps=(Step(1800, YELLOW), Step(3600, RED)),
                    decimals=0,
                    empty="none known",
                ),
                Stat(
                    "Runs longest",
                    f"max({OLDEST_RUNNING})",
                    "How long the oldest launch has run. Only targets with `launch_queue` report"
                    " it.",
                    unit="s",
                    base=GREY,
                    decimals=0,
                    empty="none known",
                ),
                Stat(
                    "Safe to stop",
                    f"sum({SAFE})",
                    "Servers in maintenance without a running launch.",
                    base=GREY,
                    steps=(Step(1, GREEN),),
                ),
            ),
            row(
                Timeline(
                    "State",
                    (STATE,),
                    "The requested state of each server; launches may still run. If there are many,"
                    " those that were active least are shown.",
                    words=STATES,
                ),
            ),
        ),
        section(
            "Launches",
            row(
                Lines(
                    "Launches",
                    (Query("sum by (state) (mdworkbench_launches{@target})", "{{state}}"),),
                    "Launches in the queues of all chosen servers.",
                    is_stacked=True,
                ),
                Lines(
                    "Queue by service",
                    (
                        Query(
                            top(
                                "sum by (service, state) (mdworkbench_service_launches{@target})",
                                by="service, state",
                            ),
                            "{{service}} {{state}}",
                        ),
                    ),
                    "The services with the most launches in the queues. Only targets with"
                    " `launch_queue` report them.",
                    empty="none known",
                ),
            ),
            row(
                Lines(
                    "Longest queues",
                    top(WAITING),
                    "Waiting launches. While a server is suspended, its queue grows. The alert fires"
                    " if more than ten wait and the number grows.",
                    steps=(Step(10, YELLOW),),
                ),
                Lines(
                    "Running by server",
                    top(RUNNING),
                    "Running launches of the servers with the most.",
                ),
            ),
            row(
                Lines(
                    "Oldest launches that wait",
                    f"time() - ({top(SINCE_WAITING, lowest=True)})",
                    "How long the oldest launch has waited. A line that rises steadily is a launch"
                    " that never starts. The dashed line is the alert's threshold. Only targets with"
                    " `launch_queue` report it.",
                    unit="s",
                    steps=(Step(3600, RED),),
                    empty="none known",
                ),
                Lines(
                    "Oldest launches that run",
                    f"time() - ({top(SINCE_RUNNING, lowest=True)})",
                    "How long the oldest launch has run. It occupies a slot. Only targets with"
                    " `launch_queue` report it.",
                    unit="s",
                    empty="none known",
                ),
            ),
        ),
        section(
            "Servers",
            row(
                Table(
                    "All servers",
                    (
                        f"max by ({BY_TARGET}, state) (mdworkbench_server_state{{@target}} == 1)",
                        f"max by ({BY_TARGET}) ({WAITING})",
                        f"max by ({BY_TARGET}) ({RUNNING})",
                        f"max by ({BY_TARGET}) (mdworkbench_resume_on_restart{{@target}})",
                        f"max by ({BY_TARGET}) ({SAFE})",
                        f"max by ({BY_TARGET}) ({OLDEST_WAITING})",
                        f"max by ({BY_TARGET}) ({OLDEST_RUNNING})",
                    ),
                    "Every chosen server that is up. Whether the queue resumes after a restart"
                    " matters in maintenance only.",
                    columns=(
                        Column("target", "Target"),
                        Column(
                            "state",
                            "State",
                            words=tuple(Word(one.text, one.text, one.color) for one in STATES),
                            width=130,
                        ),
                        Column("B", "Waiting", steps=(Step(10, YELLOW),), width=90),
                        Column(
                            "F",
                            "Waits longest",
                            "s",
                            steps=(Step(0, GREEN), Step(1800, YELLOW), Step(3600, RED)),
                            width=125,
                        ),
                        Column("C", "Running", width=90),
                        Column("G", "Runs longest", "s", width=125),
                        Column(
                            "D",
                            "Resumes",
                            words=(Word(1, "yes", GREEN), Word(0, "no", YELLOW)),
                            width=100,
                        ),
                        Column(
                            "E",
                            "Safe to stop",
                            words=(Word(1, "yes", GREEN), Word(0, "no", GREY)),
                            width=115,
                        ),
                    ),
                    sort_by="Waiting",
                    descending=True,
                    empty="none is up",
                ),
            ),
        ),
    ),
)
