"""A fleet of game servers: how many are free where, who plays, which are in trouble."""

from grafana.source.words import (
    EXPORTERS_DOWN,
    GREEN,
    GREY,
    IN_USE,
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
    Variable,
    Word,
    figures,
    row,
    section,
    targets_down,
    top,
)

BY_VIEW = "job, instance, target, serverid"
BY_PLACE = "job, profileid, locationid"
# The recording rules count a server once, even if it is polled twice: by itself and with its fleet,
# or by two exporters. To do so for each point of a graph takes minutes.
CONDITION = "job_server:clanforge_server_condition:max{@job,@place}"
COUNT = "job_profile_location:clanforge_servers:count"
UNLOCKED = "job_profile_location:clanforge_servers_unlocked:count{@job,@place}"
PLAYERS = "job_profile_location:clanforge_players:sum{@job,@place}"
SLOTS = "job_profile_location:clanforge_slots:sum{@job,@place}"
SLOTS_USED = "job_profile_location:clanforge_slots_used:ratio{@job,@place}"
INFO = "clanforge_server_info{@target,@place}"
CONDITIONS = (
    Word(0, "free", GREEN),
    Word(1, "allocated", IN_USE),
    Word(2, "stopped", GREY),
    Word(3, "restarting", ORANGE),
    Word(4, "locked", MAINTENANCE),
)
PLACE = "profile {{profileid}} in {{locationid}}"
FULL = (Step(0.8, YELLOW), Step(0.95, RED))


def _in(condition: str) -> str:
    return f'{COUNT}{{@job,@place,condition="{condition}"}}'


def _servers(metric: str, condition: str = "") -> str:
    """Return a value of each server once, for those of the chosen profiles and locations."""
    return (
        f"max by (job, serverid, profileid, locationid) (({metric}{{@target}}{condition})"
        f" * on ({BY_VIEW}) group_left (profileid, locationid) {INFO})"
    )


def _figure(condition: Word, description: str) -> Stat:
    return Stat(
        condition.text.capitalize(),
        f"sum({_in(condition.text)})",
        description,
        base=GREY,
        steps=(Step(1, condition.color),),
        has_trend=condition.text in {"free", "allocated"},
    )


BOARD = Board(
    name="clanforge",
    title="Status exporter / Clanforge fleet",
    description="A fleet of game servers: free servers by location, players, and servers with"
    " problems. Each server has the first condition that applies: locked, restarting, stopped,"
    " allocated, free. If a server did not answer its query, its players are missing, not 0. A server"
    " that is polled individually and with its fleet counts once. The figures come from recording"
    " rules, and depend on *Job*, *Profile* and *Location*, not on *Instance* and *Target*.",
    systems="clanforge|clanforge_fleet",
    alerts="Clanforge",
    variables=(
        Variable(
            "profileid",
            "Profile",
            'label_values(clanforge_server_info{job=~"$job",instance=~"$instance"},profileid)',
            ".*",
        ),
        Variable(
            "locationid",
            "Location",
            'label_values(clanforge_server_info{job=~"$job",instance=~"$instance",'
            'profileid=~"$profileid"},locationid)',
            ".*",
        ),
    ),
    marks=(
        Mark(
            "Server restarts",
            'clanforge_server_state{@target,state="restarting"} == 1',
            "server {{serverid}}",
            ORANGE,
            # In a large fleet, a server always restarts.
            is_shown=False,
        ),
        Mark(
            "Server locked or unlocked",
            "changes(clanforge_server_admin_locked{@target}[$__rate_interval]) > 0",
            "server {{serverid}}",
            MAINTENANCE,
            is_shown=False,
        ),
    ),
    unused=(
        (
            "clanforge_server_query_info",
            "map and status of a match are texts, and only targets with `match_info` report them",
        ),
    ),
    sections=(
        section(
            "Now",
            *figures(
                EXPORTERS_DOWN,
                targets_down(
                    "Targets, single servers or whole fleets, whose last poll failed. Their servers"
                    " are in no other panel.",
                    ',system=~"clanforge|clanforge_fleet"',
                ),
                Stat(
                    "Places out of servers",
                    f"sum({_in('free')} == bool 0 and ignoring (condition) {UNLOCKED} > 0)",
                    "Profiles and locations without a free server, where players get no match. Those"
                    " whose servers are all locked do not count. The alert fires after 5 minutes.",
                    steps=(Step(1, RED),),
                ),
                Stat(
                    "Players",
                    f"sum({PLAYERS})",
                    "Players on all chosen servers.",
                    base=GREY,
                    has_trend=True,
                ),
                *(
                    _figure(condition, description)
                    for condition, description in zip(
                        CONDITIONS,
                        (
                            (
                                "Servers that wait for players. *Places out of servers* shows where"
                                " there are none."
                            ),
                            "Servers with a match, or reserved for a match.",
                            "Servers that are stopped.",
                            "Servers that restart. Restarts shorter than the interval are missed.",
                            "Servers that the vendor has locked.",
                        ),
                        strict=True,
                    )
                ),
                Stat(
                    "Servers",
                    f"sum({COUNT}{{@job,@place}})",
                    "The number of chosen servers that the API reports.",
                    base=GREY,
                ),
                Stat(
                    "Slots used",
                    f"sum({PLAYERS}) / sum({SLOTS})",
                    "Players, as a share of the maximum of the servers that answered their query.",
                    unit="percentunit",
                    steps=FULL,
                    decimals=0,
                ),
                Stat(
                    "Fullest place",
                    f"max({SLOTS_USED})",
                    "The highest share of slots used, of all profiles and locations.",
                    unit="percentunit",
                    steps=FULL,
                    decimals=0,
                ),
            ),
            row(
                Lines(
                    "Servers by condition",
                    (Query(f"sum by (condition) ({COUNT}{{@job,@place}})", "{{condition}}"),),
                    "How many of the chosen servers are free, allocated, stopped, restarting and"
                    " locked.",
                    words=tuple(Word(one.text, one.text, one.color) for one in CONDITIONS),
                    is_stacked=True,
                ),
                Lines(
                    "Least free servers",
                    (Query(top(_in("free"), by=BY_PLACE, lowest=True), PLACE),),
                    "Free servers of the profiles and locations with the fewest. The alert fires"
                    " at 0.",
                ),
            ),
        ),
        section(
            "Profiles and locations",
            row(
                Table(
                    "Capacity",
                    (
                        *(
                            f"sum by (profileid, locationid) ({_in(condition.text)})"
                            for condition in CONDITIONS
                        ),
                        f"sum by (profileid, locationid) ({COUNT}{{@job,@place}})",
                        f"sum by (profileid, locationid) ({PLAYERS})",
                        f"max by (profileid, locationid) ({SLOTS_USED})",
                    ),
                    "Servers and players of each profile in each location, the fewest free servers"
                    " first.",
                    columns=(
                        Column("profileid", "Profile"),
                        Column("locationid", "Location"),
                        Column(
                            "A",
                            "Free",
                            steps=(Step(0, RED), Step(1, YELLOW), Step(2, GREEN)),
                            width=80,
                        ),
                        Column("B", "Allocated", steps=(Step(1, IN_USE),), width=95),
                        Column("C", "Stopped", width=90),
                        Column("D", "Restarting", steps=(Step(1, ORANGE),), width=105),
                        Column("E", "Locked", steps=(Step(1, MAINTENANCE),), width=85),
                        Column("F", "Servers", width=85),
                        Column("G", "Players", width=85),
                        Column("H", "Slots used", "percentunit", steps=FULL, width=105),
                    ),
                    sort_by="Free",
                    empty="no server is known",
                ),
            ),
            row(
                Lines(
                    "Players by place",
                    (Query(top(PLAYERS, by=BY_PLACE), PLACE),),
                    "Players of the profiles and locations with the most.",
                ),
                Lines(
                    "Slots used by place",
                    (Query(top(SLOTS_USED, by=BY_PLACE), PLACE),),
                    "Players, as a share of the maximum. With spectators, it can exceed 100 %.",
                    unit="percentunit",
                ),
            ),
            row(
                Lines(
                    "Queries without an answer",
                    (
                        Query(
                            f"count by ({BY_PLACE})"
                            f" ({_servers('clanforge_server_query_success', ' == 0')})",
                            PLACE,
                        ),
                    ),
                    "Servers that did not answer their query. Stopped and restarting servers never"
                    " answer. The vendor restarts a started server that does not answer.",
                    empty="All queries were answered",
                ),
                height=6,
            ),
        ),
        section(
            "Servers",
            row(
                Timeline(
                    "Condition",
                    (Query(top(CONDITION, by="job, serverid"), "server {{serverid}}"),),
                    "The condition of each server. If there are many, those that were locked,"
                    " restarting or stopped longest are shown.",
                    words=CONDITIONS,
                ),
            ),
            row(
                Table(
                    "All servers",
                    (
                        (
                            "max by (job, serverid, name, profileid, locationid, country_code,"
                            f" machineid, ip, game_port, query_port) ({INFO})"
                        ),
                        CONDITION,
                        *(
                            _servers(f"clanforge_server_{metric}")
                            for metric in ("players", "max_players", "query_success")
                        ),
                    ),
                    "Every chosen server that the API reports.",
                    columns=(
                        Column("serverid", "Server", width=95),
                        Column("name", "Name"),
                        Column("B", "Condition", words=CONDITIONS, width=100),
                        Column("C", "Players", width=85),
                        Column("D", "Slots", width=70),
                        Column(
                            "E",
                            "Query",
                            words=(Word(1, "answered", GREEN), Word(0, "failed", ORANGE)),
                            width=95,
                        ),
                        Column("profileid", "Profile", width=80),
                        Column("locationid", "Location", width=90),
                        Column("country_code", "Country", width=85),
                        Column("machineid", "Machine", width=90),
                        Column("ip", "Address", width=125),
                        Column("game_port", "Game port", width=105),
                        Column("query_port", "Query port", width=105),
                    ),
                    sort_by="Condition",
                    descending=True,
                    empty="no server is known",
                ),
                height=11,
            ),
        ),
    ),
)
