"""MDWorkbench servers: their state and their launch queues."""

from grafana.source.words import (
    BLUE,
    GREEN,
    GREY,
    PURPLE,
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
RUNNING = 'mdworkbench_launches{@target,state="running"}'
WAITING = 'mdworkbench_launches{@target,state="waiting"}'
OLDEST_WAITING = "time() - mdworkbench_launch_oldest_waiting_request_timestamp_seconds{@target}"
OLDEST_RUNNING = "time() - mdworkbench_launch_oldest_running_start_timestamp_seconds{@target}"
SAFE = (
    'mdworkbench_server_state{@target,state="maintenance"}'
    f" * ignoring (state) ({RUNNING} == bool 0)"
)
STATE = (
    'mdworkbench_server_state{@target,state="suspended"}'
    ' + ignoring (state) 2 * mdworkbench_server_state{@target,state="maintenance"}'
    ' + ignoring (state) 3 * mdworkbench_server_state{@target,state="unknown"}'
)

BOARD = Board(
    name="mdworkbench",
    title="Status exporter / MDWorkbench",
    description="MDWorkbench servers: their state and their launch queues. The server tells how"
    " many launches wait and run, not how many were done, so there is no throughput.",
    targets='system="mdworkbench"',
    marks=(
        Mark(
            name="State changed",
            expr='changes(mdworkbench_server_state{@target,state="active"}[$__rate_interval]) > 0',
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
                            'count(status_exporter_target_up{@target,system="mdworkbench"} == 0)'
                            " or vector(0)",
                            "Servers whose last poll failed.",
                            steps=(Step(1, RED),),
                            width=3,
                        ),
                        stat(
                            "Stuck",
                            f"count({WAITING} > 0 and on ({BY_TARGET}) {RUNNING} == 0"
                            f" and on ({BY_TARGET})"
                            ' mdworkbench_server_state{@target,state="active"} == 1) or vector(0)',
                            "Active servers where launches wait and none runs. For a moment that is"
                            " normal; the alert is at 5 minutes.",
                            steps=(Step(1, RED),),
                            width=3,
                        ),
                        stat(
                            "Waits longest",
                            f"max({OLDEST_WAITING})",
                            "How long the oldest launch has waited. The alert is at an hour, for"
                            " servers that are active. Known of targets with `launch_queue` only.",
                            unit="s",
                            steps=(Step(1800, YELLOW), Step(3600, RED)),
                            width=3,
                            decimals=0,
                            empty="none known",
                        ),
                        stat(
                            "Runs longest",
                            f"max({OLDEST_RUNNING})",
                            "How long the oldest launch has run. Known of targets with"
                            " `launch_queue` only.",
                            unit="s",
                            base=GREY,
                            width=3,
                            decimals=0,
                            empty="none known",
                        ),
                        stat(
                            "Not active",
                            'sum(mdworkbench_server_state{@target,state!="active"})',
                            "Servers that are suspended or in maintenance.",
                            steps=(Step(1, BLUE),),
                            width=3,
                        ),
                        stat(
                            "Waiting",
                            f"sum({WAITING})",
                            "Launches that wait, of all chosen servers.",
                            base=GREY,
                            width=3,
                        ),
                        stat(
                            "Running",
                            f"sum({RUNNING})",
                            "Launches that run, of all chosen servers.",
                            base=GREY,
                            width=3,
                        ),
                        stat(
                            "Safe to stop",
                            f"sum({SAFE})",
                            "Servers in maintenance on which nothing runs any more.",
                            base=GREY,
                            steps=(Step(1, GREEN),),
                            width=3,
                        ),
                    ),
                ),
                Row(
                    height=7,
                    panels=(
                        timeline(
                            "State",
                            f"topk($top, {STATE})",
                            "The state that was asked of each server; launches may still run. Of"
                            " many servers, those not active come first.",
                            (
                                Word(0, "active", GREEN),
                                Word(1, "suspended", PURPLE),
                                Word(2, "maintenance", BLUE),
                                Word(3, "unknown", YELLOW),
                            ),
                        ),
                    ),
                ),
            ),
        ),
        Section(
            title="Launches",
            rows=(
                Row(
                    height=9,
                    panels=(
                        lines(
                            "Launches",
                            (
                                Query(
                                    expr="sum by (state) (mdworkbench_launches{@target})",
                                    legend="{{state}}",
                                ),
                            ),
                            "What is in the queues of all chosen servers.",
                            width=8,
                            stacked=True,
                        ),
                        lines(
                            "Longest queues",
                            f"topk($top, {WAITING})",
                            "Launches that wait. Suspended, a queue grows by intention. The alert"
                            " is for more than ten that become more.",
                            width=8,
                            steps=(Step(10, YELLOW),),
                        ),
                        lines(
                            "Running by server",
                            f"topk($top, {RUNNING})",
                            "Launches that run, where there are most.",
                            width=8,
                        ),
                    ),
                ),
                Row(
                    height=9,
                    panels=(
                        lines(
                            "Queue by service",
                            (
                                Query(
                                    expr="topk($top, sum by (service, state)"
                                    " (mdworkbench_service_launches{@target}))",
                                    legend="{{service}} {{state}}",
                                ),
                            ),
                            "Which services have launches in the queues, where there are most."
                            " Known of targets with `launch_queue` only, as is what stands beside.",
                            width=8,
                        ),
                        lines(
                            "Oldest launches that wait",
                            f"topk($top, {OLDEST_WAITING})",
                            "How long the oldest one has waited. A line that rises steadily is one"
                            " launch that is passed over. The line across is that of the alert.",
                            unit="s",
                            width=8,
                            steps=(Step(3600, RED),),
                        ),
                        lines(
                            "Oldest launches that run",
                            f"topk($top, {OLDEST_RUNNING})",
                            "How long the oldest one has run. It keeps a place that others wait"
                            " for.",
                            unit="s",
                            width=8,
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
                                (
                                    f"max by ({BY_TARGET}, state)"
                                    " (mdworkbench_server_state{@target} == 1)"
                                ),
                                f"max by ({BY_TARGET}) ({WAITING})",
                                f"max by ({BY_TARGET}) ({RUNNING})",
                                f"max by ({BY_TARGET}) (mdworkbench_resume_on_restart{{@target}})",
                                f"max by ({BY_TARGET}) ({SAFE})",
                                f"max by ({BY_TARGET}) ({OLDEST_WAITING})",
                                f"max by ({BY_TARGET}) ({OLDEST_RUNNING})",
                            ),
                            "Every chosen server that is up. Whether its queue resumes after a"
                            " restart matters in maintenance alone.",
                            (
                                Column(source="target", title="Target"),
                                Column(source="state", title="State"),
                                Column(source="B", title="Waiting", steps=(Step(10, YELLOW),)),
                                Column(
                                    source="F",
                                    title="Waits longest",
                                    unit="s",
                                    steps=(Step(0, GREEN), Step(1800, YELLOW), Step(3600, RED)),
                                ),
                                Column(source="C", title="Running"),
                                Column(source="G", title="Runs longest", unit="s"),
                                Column(
                                    source="D",
                                    title="Resumes",
                                    words=(Word(1, "yes", GREEN), Word(0, "no", YELLOW)),
                                ),
                                Column(
                                    source="E",
                                    title="Safe to stop",
                                    words=(Word(1, "yes", GREEN), Word(0, "no", GREY)),
                                ),
                            ),
                            sort_by="Waiting",
                            descending=True,
                        ),
                    ),
                ),
            ),
        ),
    ),
)
