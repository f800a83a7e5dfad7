"""All targets at a glance: what is down, what burns, what is in maintenance."""

from grafana.source.words import (
    BLUE,
    EXPORTERS_DOWN,
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

ON = "on (job, instance, target)"
ALARMS = (
    'ALERTS{alertstate="firing",alertname=~"(Status|Ucs|Webitel|Freeswitch|Mdworkbench|Clanforge).+"'
    # Declared maintenance is no alarm.
    ',maintenance="",job=~"$job|",instance=~"$instance|",target=~"$target|"'
)
# A fleet's target has many servers, of which some are always locked; its dashboard has them.
ALONE = f'and {ON} status_exporter_target_up{{@target,system="clanforge"}}'
MAINTENANCE = (
    'genesys_ucs_mode{@target,mode="maintenance"}'
    f' or {ON} mdworkbench_server_state{{@target,state=~"maintenance|suspended"}} == 1'
    f" or {ON} (clanforge_server_admin_locked{{@target}} {ALONE})"
)
UP = "status_exporter_target_up{@target}"
BY_TARGET = "job, instance, target"
TO_SYSTEM = (
    "/d/status-exporter-${__data.fields.board}?${datasource:queryparam}&${job:queryparam}"
    "&${instance:queryparam}&var-target=${__data.fields.target}&${__url_time_range}"
)


# A fleet and its servers share a dashboard.
BOARD_OF = 'label_replace({}, "board", "$1", "system", "(.+?)(?:_fleet)?")'


def _named(expr: str, state: str) -> str:
    return f'label_replace({expr}, "state", "{state}", "", "")'


STATE = " or ".join(
    (
        'label_replace(genesys_ucs_mode{@target} == 1, "state", "$1", "mode", "(.+)")',
        "mdworkbench_server_state{@target} == 1",
        _named(f"clanforge_server_admin_locked{{@target}} == 1 {ALONE}", "locked"),
        (
            f"clanforge_server_state{{@target}} == 1 {ALONE} unless {ON}"
            " clanforge_server_admin_locked{@target} == 1"
        ),
        _named("webitel_freeswitch_connected{@target} == 0", "FreeSWITCH lost"),
        _named("webitel_freeswitch_ready{@target} == 0", "not ready"),
        _named("webitel_freeswitch_ready{@target} == 1", "ready"),
    )
)

BOARD = Board(
    name="overview",
    title="Status exporter / Overview",
    description="All targets at a glance: what is down, what burns, what is in maintenance.",
    marks=(
        Mark(
            name="Exporter restarted",
            expr="changes(process_start_time_seconds{@exporter}[$__rate_interval]) > 0"
            " and on (job, instance) status_exporter_build_info{@exporter}",
            text="{{instance}}",
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
                            "Critical alerts",
                            f'count({ALARMS},severity="critical"}}) or vector(0)',
                            "Alerts that somebody is woken for. 0, too, where the rules are not"
                            " loaded.",
                            steps=(Step(1, RED),),
                            width=3,
                        ),
                        stat(
                            "Down",
                            f"count({UP} == 0) or vector(0)",
                            "Targets whose last poll failed. None should be.",
                            steps=(Step(1, RED),),
                            width=3,
                        ),
                        stat(
                            "Exporters down",
                            EXPORTERS_DOWN,
                            "Exporters that cannot be scraped and could be within the time shown."
                            " Nothing is known of their targets, which are not among those down.",
                            steps=(Step(1, RED),),
                            width=3,
                        ),
                        stat(
                            "Links down",
                            "(count(webitel_freeswitch_connected{@target} == 0) or vector(0))"
                            " + (count(webitel_console_connected{@target} == 0) or vector(0))",
                            "Webitel engines without their FreeSWITCH or their console.",
                            steps=(Step(1, RED),),
                            width=3,
                        ),
                        stat(
                            "Oldest reading",
                            "max(time() - status_exporter_last_success_timestamp_seconds{@target}"
                            f" and {ON} {UP} == 1)",
                            "How old the oldest reading of a target that is up is. More than three"
                            " intervals is too old.",
                            unit="s",
                            steps=(Step(120, YELLOW), Step(600, RED)),
                            decimals=0,
                            empty="none up",
                            width=3,
                        ),
                        stat(
                            "Warnings",
                            f'count({ALARMS},severity="warning"}}) or vector(0)',
                            "Alerts that can wait for working hours.",
                            steps=(Step(1, YELLOW),),
                            width=3,
                        ),
                        stat(
                            "In maintenance",
                            f"count(({MAINTENANCE}) == 1) or vector(0)",
                            "UCS in maintenance, MDWorkbench in maintenance or suspended, game"
                            " servers locked that are polled by themselves.",
                            base=GREY,
                            steps=(Step(1, BLUE),),
                            width=3,
                        ),
                        stat(
                            "Targets",
                            f"count({UP})",
                            "How many of the chosen targets are polled.",
                            base=GREY,
                            width=3,
                        ),
                    ),
                ),
            ),
        ),
        Section(
            title="What is burning",
            rows=(
                Row(
                    height=9,
                    panels=(
                        table(
                            "Alerts that fire",
                            (f"{ALARMS}}}",),
                            "What fires now, of the rules that come with the exporter; empty, too, where they"
                            " are not loaded. The page of"
                            " each alert in docs/runbooks says what to do.",
                            (
                                Column(source="severity", title="Severity", width=90),
                                Column(source="alertname", title="Alert", width=280),
                                Column(source="target", title="Target", width=160),
                                Column(source="serverid", title="Game server"),
                                Column(source="profileid", title="Profile"),
                                Column(source="locationid", title="Location"),
                                Column(source="system", title="System"),
                                Column(source="instance", title="Exporter"),
                            ),
                            sort_by="Severity",
                            width=16,
                        ),
                        lines(
                            "Failures by reason",
                            (
                                Query(
                                    expr="sum by (reason) (rate("
                                    "status_exporter_poll_failures_total{@target}"
                                    "[$__rate_interval]))",
                                    legend="{{reason}}",
                                ),
                            ),
                            "Failed polls a second, by reason. README says what each reason means.",
                            unit="cps",
                            width=8,
                            stacked=True,
                        ),
                    ),
                ),
            ),
        ),
        Section(
            title="Targets",
            rows=(
                Row(
                    height=11,
                    panels=(
                        table(
                            "All targets",
                            (
                                BOARD_OF.format(f"max by ({BY_TARGET}, system) ({UP})"),
                                (
                                    f"time() - max by ({BY_TARGET})"
                                    " (status_exporter_last_success_timestamp_seconds{@target})"
                                ),
                                (
                                    f"max by ({BY_TARGET})"
                                    " (status_exporter_poll_duration_seconds{@target})"
                                ),
                                f"max by ({BY_TARGET}) (status_exporter_field_faults{{@target}})",
                                f"max by ({BY_TARGET}, state) ({STATE})",
                            ),
                            "Every chosen target, those that are down first. The name leads to the"
                            " dashboard of its system.",
                            (
                                Column(
                                    source="A",
                                    title="Up",
                                    words=(Word(1, "up", GREEN), Word(0, "down", RED)),
                                    width=80,
                                ),
                                Column(source="target", title="Target", link=TO_SYSTEM),
                                Column(source="system", title="System"),
                                Column(source="state", title="Mode or state"),
                                Column(
                                    source="B",
                                    title="Last reading",
                                    unit="s",
                                    steps=(Step(120, YELLOW), Step(600, RED)),
                                ),
                                Column(
                                    source="C",
                                    title="Poll took",
                                    unit="s",
                                    steps=(Step(3, YELLOW),),
                                ),
                                Column(
                                    source="D", title="Unreadable fields", steps=(Step(1, ORANGE),)
                                ),
                                Column(source="instance", title="Exporter"),
                                Column(source="board", title="Dashboard", is_hidden=True),
                            ),
                            sort_by="Up",
                        ),
                    ),
                ),
                Row(
                    height=8,
                    panels=(
                        timeline(
                            "Targets over time",
                            f"bottomk($top, max by ({BY_TARGET}) ({UP}) + {ON}"
                            f" (({MAINTENANCE}) or {ON} 0 * {UP}))",
                            "Down, in service or in maintenance. Of many targets, those that are"
                            " down come first.",
                            (
                                Word(0, "down", RED),
                                Word(1, "in service", GREEN),
                                Word(2, "maintenance", BLUE),
                            ),
                            width=14,
                        ),
                        lines(
                            "Up, by system",
                            (
                                Query(
                                    expr=f"avg by (system) ({UP})",
                                    legend="{{system}}",
                                ),
                            ),
                            "Which part of each system's targets is up.",
                            unit="percentunit",
                            width=10,
                            highest=1,
                        ),
                    ),
                ),
                Row(
                    height=8,
                    panels=(
                        lines(
                            "Slowest polls",
                            "topk($top, status_exporter_poll_duration_seconds{@target})",
                            "The targets whose polls take longest. A poll that reaches its timeout"
                            " fails.",
                            unit="s",
                        ),
                        lines(
                            "Oldest readings",
                            "topk($top,"
                            " time() - status_exporter_last_success_timestamp_seconds{@target})",
                            "The targets from which nothing was read for longest. A line that rises"
                            " is a target that is down.",
                            unit="s",
                        ),
                    ),
                ),
            ),
        ),
    ),
)
