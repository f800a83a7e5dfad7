"""All targets at a glance: what is down, which alerts fire, what is in maintenance."""

from grafana.source import exporter
from grafana.source.system_boards import SYSTEM_BOARDS
from grafana.source.words import (
    BY_TARGET,
    EXPORTERS_DOWN,
    GREEN,
    GREY,
    MAINTENANCE,
    ON,
    ORANGE,
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
    chosen,
    figures,
    row,
    section,
    targets_down,
    top,
)

OURS = (
    f'alertname=~"({"|".join(["Status", *(board.alerts for board in SYSTEM_BOARDS)])}).+"'
    # Declared maintenance is no alarm.
    ',maintenance="",job=~"$job|",instance=~"$instance|",target=~"$target|"'
)
FIRING = f'ALERTS{{alertstate="firing",{OURS}}}'
SEVERITIES = (Word(1, "critical", RED), Word(2, "warning", YELLOW), Word(3, "info", GREY))
SEVERITY_NAMES = tuple(Word(one.text, one.text, one.color) for one in SEVERITIES)
# Recorded wherever the rules are loaded.
RULES_LOADED = "present_over_time(job_system:status_exporter_target_up:ratio{@job}[$__range])"

UP = "status_exporter_target_up{@target}"
SUCCESS = "status_exporter_last_success_timestamp_seconds{@target}"
DURATION = "status_exporter_poll_duration_seconds{@target}"
AGE = f"time() - {SUCCESS}"
# A fleet's target has many servers, of which some are always locked; its dashboard has them.
ALONE = f'and {ON} status_exporter_target_up{{@target,system="clanforge"}}'
LOST = ("webitel_freeswitch_connected{@target}", "webitel_console_connected{@target}")
SERVICE = "target:status_exporter_target_state:code{@target}"
DOWN, IN_SERVICE, IN_MAINTENANCE = range(3)


def _named(expr: str, label: str, text: str) -> str:
    return f'label_replace({expr}, "{label}", "{text}", "", "")'


STATE = " or ".join(
    (
        'label_replace(genesys_ucs_mode{@target} == 1, "state", "$1", "mode", "(.+)")',
        "mdworkbench_server_state{@target} == 1",
        _named(f"clanforge_server_admin_locked{{@target}} == 1 {ALONE}", "state", "locked"),
        (
            f"clanforge_server_state{{@target}} == 1 {ALONE} unless {ON}"
            " clanforge_server_admin_locked{@target} == 1"
        ),
        _named("webitel_freeswitch_connected{@target} == 0", "state", "FreeSWITCH lost"),
        _named("webitel_freeswitch_ready{@target} == 0", "state", "not ready"),
        _named("webitel_freeswitch_ready{@target} == 1", "state", "ready"),
    )
)
STATES = (
    *(Word(state, state, MAINTENANCE) for state in ("maintenance", "locked")),
    Word("suspended", "suspended", SUSPENDED),
    *(Word(state, state, ORANGE) for state in ("restarting", "not ready")),
    Word("FreeSWITCH lost", "FreeSWITCH lost", RED),
    Word("unknown", "unknown", YELLOW),
)


def _with_board(expr: str, label: str, patterns: dict[str, str]) -> str:
    """Add the label `board`: the dashboard of what the label names, or else the overview."""
    expr = _named(expr, "board", "overview")
    for board, pattern in patterns.items():
        expr = f'label_replace({expr}, "board", "{board}", "{label}", "{pattern}")'
    return expr


# The dashboard of a custom system is the overview.
BOARD_OF_SYSTEM = {board.name: board.systems for board in SYSTEM_BOARDS}
BOARD_OF_ALERT = {
    **{board.name: f"({board.alerts}).+" for board in SYSTEM_BOARDS},
    exporter.BOARD.name: f"({exporter.BOARD.alerts}).+",
}
TO_BOARD = (
    "/d/status-exporter-${__data.fields.board}?${datasource:queryparam}&${job:queryparam}"
    "&${instance:queryparam}&var-target=${__data.fields.target}&${__url_time_range}"
)
TO_RUNBOOK = ("What to do", "${runbooks}/${__data.fields.alertname}.md")
TO_ITS_BOARD = ("Open its dashboard", TO_BOARD)
TO_ITS_SYSTEM = (
    "Open its dashboard",
    # Some alerts are about no single target.
    TO_BOARD.replace("&var-target=${__data.fields.target}", "&${target:queryparam}"),
)


def _alerts(severity: str) -> str:
    return f'count({FIRING[:-1]},severity="{severity}"}}) or 0 * max({RULES_LOADED})'


BOARD = Board(
    name="overview",
    title="Status exporter / Overview",
    description="All targets at a glance: what is down, which alerts fire, what is in maintenance.",
    marks=(
        Mark(
            "Exporter restarted",
            "changes(process_start_time_seconds{@exporter}[$__rate_interval]) > 0"
            " and on (job, instance) status_exporter_build_info{@exporter}",
            "{{instance}}",
            MAINTENANCE,
        ),
    ),
    sections=(
        section(
            "Now",
            *figures(
                EXPORTERS_DOWN,
                targets_down(
                    "Targets whose last poll failed.", trend=f"sum({SERVICE} == bool {DOWN})"
                ),
                Stat(
                    "Critical alerts",
                    _alerts("critical"),
                    "Alerts that page someone.",
                    steps=(Step(1, RED),),
                    empty="no rules loaded",
                ),
                Stat(
                    "Warnings",
                    _alerts("warning"),
                    "Alerts that can wait for working hours.",
                    steps=(Step(1, YELLOW),),
                    empty="no rules loaded",
                ),
                Stat(
                    "Targets",
                    f"count({UP})",
                    "The number of chosen targets that are polled.",
                    base=GREY,
                ),
                Stat(
                    "Oldest result",
                    f"max({AGE} and {ON} {UP} == 1)",
                    "The age of the oldest result of a target that is up. More than three intervals"
                    " is too old.",
                    unit="s",
                    steps=(Step(120, YELLOW), Step(600, RED)),
                    decimals=0,
                    empty="none up",
                ),
                Stat(
                    "Links down",
                    f"count({LOST[0]} == 0 or {ON} {LOST[1]} == 0)"
                    f" or 0 * count({LOST[0]} or {ON} {LOST[1]})",
                    "Webitel engines without their FreeSWITCH or their console.",
                    steps=(Step(1, RED),),
                    empty="no engine up",
                ),
                Stat(
                    "In maintenance",
                    f"sum({SERVICE} == bool {IN_MAINTENANCE})",
                    "UCS in maintenance, MDWorkbench in maintenance or suspended, and locked game"
                    " servers that are polled individually.",
                    base=GREY,
                    steps=(Step(1, MAINTENANCE),),
                ),
            ),
        ),
        section(
            "Alerts and failures",
            row(
                Table(
                    "Alerts that fire",
                    (
                        _with_board(
                            " or ".join(
                                f'{one.value} * {FIRING[:-1]},severity="{one.text}"}}'
                                for one in SEVERITIES
                            ),
                            "alertname",
                            BOARD_OF_ALERT,
                        ),
                        f"time() - ALERTS_FOR_STATE{{{OURS}}} and ignoring (alertstate) {FIRING}",
                    ),
                    "Alerts of the exporter's own rules, the most severe first. The name of an alert"
                    " links to its runbook and its dashboard. *Since* is how long its condition has"
                    " been true.",
                    columns=(
                        Column("A", "Severity", words=SEVERITIES, width=85),
                        Column("B", "Since", "dtdurations", width=130),
                        Column("alertname", "Alert", links=(TO_RUNBOOK, TO_ITS_SYSTEM), width=250),
                        Column("target", "Target"),
                        Column("system", "System", width=125),
                        Column("serverid", "Game server", width=110),
                        Column("profileid", "Profile", width=80),
                        Column("locationid", "Location", width=85),
                        Column("instance", "Exporter"),
                        Column("board", "Dashboard", is_hidden=True),
                    ),
                    sort_by="Severity",
                    empty="No alert fires",
                ),
            ),
            row(
                Table(
                    "Alerts by name",
                    (f"count by (severity, alertname) ({FIRING})",),
                    "How often each alert fires.",
                    columns=(
                        Column("A", "Count", width=80),
                        Column("severity", "Severity", words=SEVERITY_NAMES, width=85),
                        Column("alertname", "Alert", links=(TO_RUNBOOK,)),
                    ),
                    sort_by="Count",
                    descending=True,
                    empty="No alert fires",
                ),
                Lines(
                    "Failures by reason",
                    (
                        Query(
                            "sum by (reason)"
                            " (target_reason:status_exporter_poll_failures:increase10m{@target})",
                            "{{reason}}",
                        ),
                    ),
                    "Failed polls in the last 10 minutes, by reason. docs/metrics.md explains the"
                    " reasons.",
                    is_stacked=True,
                    empty="No poll failed",
                ),
            ),
        ),
        section(
            "Targets",
            row(
                Table(
                    "All targets",
                    (
                        _with_board(
                            f"max by ({BY_TARGET}, system) ({UP})", "system", BOARD_OF_SYSTEM
                        ),
                        f"max by ({BY_TARGET}) ({AGE})",
                        f"max by ({BY_TARGET}) ({DURATION})",
                        f"max by ({BY_TARGET}) (status_exporter_field_faults{{@target}})",
                        f"max by ({BY_TARGET}, state) ({STATE})",
                    ),
                    "Every chosen target, those that are down first. The name links to the dashboard"
                    " of its system.",
                    columns=(
                        Column(
                            "A", "Up", words=(Word(1, "up", GREEN), Word(0, "down", RED)), width=70
                        ),
                        Column("target", "Target", links=(TO_ITS_BOARD,)),
                        Column("system", "System", width=130),
                        Column("state", "Mode or state", words=STATES, width=140),
                        Column(
                            "B",
                            "Last success",
                            "s",
                            steps=(Step(120, YELLOW), Step(600, RED)),
                            width=115,
                        ),
                        Column("C", "Poll took", "s", steps=(Step(3, YELLOW),), width=100),
                        Column("D", "Unreadable fields", steps=(Step(1, ORANGE),), width=140),
                        Column("instance", "Exporter"),
                        Column("board", "Dashboard", is_hidden=True),
                    ),
                    sort_by="Up",
                    empty="not polled",
                ),
                height=11,
            ),
            row(
                Timeline(
                    "Targets over time",
                    (top(SERVICE, lowest=True),),
                    "Whether targets are down, in service or in maintenance. If there are many, those"
                    " that were down longest are shown.",
                    words=(
                        Word(DOWN, "down", RED),
                        Word(IN_SERVICE, "in service", GREEN),
                        Word(IN_MAINTENANCE, "maintenance", MAINTENANCE),
                    ),
                    width=14,
                ),
                Lines(
                    "Up, by system",
                    (Query(f"avg by (system) ({UP})", "{{system}}"),),
                    "The share of each system's targets that is up.",
                    unit="percentunit",
                    highest=1,
                ),
            ),
            row(
                Lines(
                    "Slowest polls",
                    f"{DURATION} {chosen(f'avg_over_time({DURATION}[1h] @ end())')}",
                    "The targets whose polls took longest in the last hour. A poll that reaches its"
                    " timeout fails.",
                    unit="s",
                ),
                Lines(
                    "Oldest results",
                    f"time() - ({SUCCESS} {chosen(f'{SUCCESS} @ end()', lowest=True)})",
                    "The targets with the oldest successful polls. A rising line is a target that is"
                    " down.",
                    unit="s",
                ),
            ),
        ),
    ),
)
