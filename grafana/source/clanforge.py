"""A fleet of game servers: how many are free where, who plays, which are in trouble."""

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
    Panel,
    Query,
    Row,
    Section,
    Step,
    Variable,
    Word,
    lines,
    stat,
    table,
    timeline,
)

BY_VIEW = "job, instance, target, serverid"
# A server may be polled twice: by itself and with its fleet, or by two exporters.
BY_SERVER = "serverid, profileid, locationid"
BY_PLACE = "profileid, locationid"
FREE, ALLOCATED, STOPPED, RESTARTING, LOCKED = range(5)
# The first that is true counts.
CONDITION = f" or on ({BY_VIEW}) ".join(
    (
        f"{LOCKED} * (clanforge_server_admin_locked{{@target}} == 1)",
        f'{RESTARTING} * (clanforge_server_state{{@target,state="restarting"}} == 1)',
        f'{STOPPED} * (clanforge_server_state{{@target,state="stopped"}} == 1)',
        f"{ALLOCATED} * (clanforge_server_allocated{{@target}} == 1)",
        f'{FREE} * (clanforge_server_state{{@target,state="started"}} == 1)',
    )
)
INFO = 'clanforge_server_info{@target,profileid=~"$profileid",locationid=~"$locationid"}'
WORDS = (
    Word(FREE, "free", GREEN),
    Word(ALLOCATED, "allocated", BLUE),
    Word(STOPPED, "stopped", GREY),
    Word(RESTARTING, "restarting", ORANGE),
    Word(LOCKED, "locked", RED),
)


def _placed(expr: str) -> str:
    """Keep the servers of the chosen profiles and locations, each once, and name both."""
    return f"max by ({BY_SERVER}) (({expr}) * on ({BY_VIEW}) group_left ({BY_PLACE}) {INFO})"


SERVERS = _placed(CONDITION)
PLAYERS = _placed("clanforge_server_players{@target}")
SLOTS = _placed("clanforge_server_max_players{@target}")
QUERIED = _placed("clanforge_server_query_success{@target}")


def _count(condition: int, description: str, color: str, *, at: int = 1) -> Panel:
    return stat(
        WORDS[condition].text.capitalize(),
        f"count({SERVERS} == {condition}) or vector(0)",
        description,
        base=GREY if at else color,
        steps=(Step(at, color),) if at else (),
        width=3,
    )


def _counted(condition: int) -> str:
    return f"count by ({BY_PLACE}) ({SERVERS} == {condition})"


BOARD = Board(
    name="clanforge",
    title="Status exporter / Clanforge fleet",
    description="A fleet of game servers: how many are free where, who plays, which are in trouble."
    " Each server counts under the first that is true of it: locked, restarting, stopped,"
    " allocated, free. Players are missing, not 0, where a server did not answer its query."
    " A server that is polled by itself and with its fleet counts once; where the two differ, the"
    " first of those words counts.",
    targets='system=~"clanforge|clanforge_fleet"',
    variables=(
        Variable(
            name="profileid",
            label="Profile",
            query='label_values(clanforge_server_info{job=~"$job",instance=~"$instance"},profileid)',
            all_value=".*",
        ),
        Variable(
            name="locationid",
            label="Location",
            query="label_values(clanforge_server_info{"
            'job=~"$job",instance=~"$instance",profileid=~"$profileid"},locationid)',
            all_value=".*",
        ),
    ),
    marks=(
        Mark(
            name="Server restarts",
            expr='clanforge_server_state{@target,state="restarting"} == 1',
            text="server {{serverid}}",
            color=ORANGE,
            # Of a thousand servers there is always one.
            shown=False,
        ),
        Mark(
            name="Server locked or unlocked",
            expr="changes(clanforge_server_admin_locked{@target}[$__rate_interval]) > 0",
            text="server {{serverid}}",
            color=RED,
            shown=False,
        ),
    ),
    unused=(
        (
            "clanforge_server_query_info",
            "map and status of each match are off unless a target asks for them, and are no figure.",
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
                            "count(status_exporter_target_up{@target,"
                            'system=~"clanforge|clanforge_fleet"} == 0) or vector(0)',
                            "Targets, servers or whole fleets, of which the API told nothing at"
                            " the last poll. Their servers count nowhere else here.",
                            steps=(Step(1, RED),),
                            width=3,
                        ),
                        stat(
                            "Free",
                            f"count({SERVERS} == {FREE}) or vector(0)",
                            "Servers that wait for players. Without any, nobody gets a match.",
                            base=RED,
                            steps=(Step(1, YELLOW), Step(2, GREEN)),
                            width=3,
                        ),
                        _count(ALLOCATED, "Servers with a match, or held for one.", BLUE),
                        _count(STOPPED, "Servers that are stopped.", YELLOW),
                        _count(
                            RESTARTING,
                            "Servers that restart. Restarts shorter than the interval are not"
                            " seen.",
                            ORANGE,
                        ),
                        _count(LOCKED, "Servers that the vendor has locked.", RED),
                        stat(
                            "Players",
                            f"sum({PLAYERS})",
                            "Players on all chosen servers.",
                            base=GREY,
                            width=3,
                        ),
                        stat(
                            "Slots used",
                            f"sum({PLAYERS}) / sum({SLOTS})",
                            "Players of the most that the servers take which answered their query.",
                            unit="percentunit",
                            steps=(Step(0.8, YELLOW), Step(0.95, RED)),
                            width=3,
                            decimals=0,
                        ),
                    ),
                ),
                Row(
                    height=9,
                    panels=(
                        lines(
                            "Servers by condition",
                            tuple(
                                Query(
                                    expr=f"count({SERVERS} == {word.value}) or vector(0)",
                                    legend=word.text,
                                )
                                for word in WORDS
                            ),
                            "How many of the chosen servers are free, allocated, stopped,"
                            " restarting and locked.",
                            stacked=True,
                        ),
                        lines(
                            "Least free servers",
                            (
                                Query(
                                    expr=f"bottomk($top, count by ({BY_PLACE}) ({SERVERS}"
                                    f" == {FREE}) or 0 * count by ({BY_PLACE}) ({SERVERS}))",
                                    legend="profile {{profileid}} in {{locationid}}",
                                ),
                            ),
                            "Free servers of the profiles and locations that have least. The alert"
                            " is at 0.",
                        ),
                    ),
                ),
            ),
        ),
        Section(
            title="Profiles and locations",
            rows=(
                Row(
                    height=9,
                    panels=(
                        table(
                            "Capacity",
                            (
                                f"count by ({BY_PLACE}) ({SERVERS})",
                                f"{_counted(FREE)} or 0 * count by ({BY_PLACE}) ({SERVERS})",
                                _counted(ALLOCATED),
                                _counted(STOPPED),
                                _counted(RESTARTING),
                                _counted(LOCKED),
                                f"sum by ({BY_PLACE}) ({PLAYERS})",
                                (
                                    f"sum by ({BY_PLACE}) ({PLAYERS})"
                                    f" / (sum by ({BY_PLACE}) ({SLOTS}) > 0)"
                                ),
                            ),
                            "Servers and players of each profile in each location, the least free"
                            " first. What is empty is none.",
                            (
                                Column(source="profileid", title="Profile"),
                                Column(source="locationid", title="Location"),
                                Column(source="A", title="Servers"),
                                Column(
                                    source="B",
                                    title="Free",
                                    steps=(Step(0, RED), Step(1, YELLOW), Step(2, GREEN)),
                                ),
                                Column(source="C", title="Allocated"),
                                Column(source="D", title="Stopped"),
                                Column(source="E", title="Restarting", steps=(Step(1, ORANGE),)),
                                Column(source="F", title="Locked", steps=(Step(1, RED),)),
                                Column(source="G", title="Players"),
                                Column(
                                    source="H",
                                    title="Slots used",
                                    unit="percentunit",
                                    steps=(Step(0.8, YELLOW), Step(0.95, RED)),
                                ),
                            ),
                            sort_by="Free",
                        ),
                    ),
                ),
                Row(
                    height=8,
                    panels=(
                        lines(
                            "Players by place",
                            (
                                Query(
                                    expr=f"topk($top, sum by ({BY_PLACE}) ({PLAYERS}))",
                                    legend="profile {{profileid}} in {{locationid}}",
                                ),
                            ),
                            "Players of the profiles and locations that have most.",
                            width=8,
                        ),
                        lines(
                            "Slots used by place",
                            (
                                Query(
                                    expr=f"topk($top, sum by ({BY_PLACE}) ({PLAYERS})"
                                    f" / (sum by ({BY_PLACE}) ({SLOTS}) > 0))",
                                    legend="profile {{profileid}} in {{locationid}}",
                                ),
                            ),
                            "Players of the most that the servers take. Spectators may bring it"
                            " over 100 %.",
                            unit="percentunit",
                            width=8,
                        ),
                        lines(
                            "Queries without an answer",
                            (
                                Query(
                                    expr=f"count by ({BY_PLACE}) ({QUERIED} == 0) or vector(0)",
                                    legend="profile {{profileid}} in {{locationid}}",
                                ),
                            ),
                            "Servers that did not answer their query. Stopped and restarting ones"
                            " do not; started ones that do not are restarted by the vendor.",
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
                    height=8,
                    panels=(
                        timeline(
                            "Condition",
                            f"topk($top, {SERVERS})",
                            "What each server was when. Of many, those that are locked, restarting"
                            " or stopped come first.",
                            WORDS,
                            legend="server {{serverid}}",
                        ),
                    ),
                ),
                Row(
                    height=11,
                    panels=(
                        table(
                            "All servers",
                            (
                                (
                                    "max by (serverid, name, profileid, locationid, country_code,"
                                    f" machineid, ip, game_port, query_port) ({INFO})"
                                ),
                                SERVERS,
                                PLAYERS,
                                SLOTS,
                                QUERIED,
                            ),
                            "Every chosen server of which the API tells.",
                            (
                                Column(source="serverid", title="Server"),
                                Column(source="name", title="Name"),
                                Column(source="B", title="Condition", words=WORDS),
                                Column(source="C", title="Players"),
                                Column(source="D", title="Most"),
                                Column(
                                    source="E",
                                    title="Query",
                                    words=(Word(1, "answered", GREEN), Word(0, "failed", RED)),
                                ),
                                Column(source="profileid", title="Profile"),
                                Column(source="locationid", title="Location"),
                                Column(source="country_code", title="Country"),
                                Column(source="machineid", title="Machine"),
                                Column(source="ip", title="Address"),
                                Column(source="game_port", title="Game port"),
                                Column(source="query_port", title="Query port"),
                            ),
                            sort_by="Condition",
                            descending=True,
                        ),
                    ),
                ),
            ),
        ),
    ),
)
