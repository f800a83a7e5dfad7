"""Multiplay Clanforge: "Server status" and "Server list" of the Managed Game Server Hosting API.

The status page and the list page give one field different types; every one of them is read.
Errors come with HTTP 200. The `allocated_uuid` is never a label: each match would be a series.
"""

from exporter.readers import count, filled, flag, upper_case
from exporter.spec import Each, Endpoint, Gauge, Info, Param, Part, Plain, Refusal, States, System

_REFUSAL = Refusal(error="/error", success="/success", message="/error_message")
# The vendor's pages ask for it, on GET too.
_HEADERS = {"Content-Type": "application/x-www-form-urlencoded"}
_URL_HELP = "the API, such as https://api.multiplay.co.uk"
_MATCH_INFO = Param(
    "match_info",
    "switch",
    help="Whether to export the map and status, a new series each match.",
    default="false",
    choices=("false", "true"),
)


def _fields(root: str, asked: str) -> tuple[Plain | Part, ...]:
    """Return what is read of one server, which stands at `root`; `asked` turns queries on."""
    return (
        Info(
            "clanforge_server_info",
            {
                "name": (f"{root}/name",),
                "profileid": (f"{root}/profileid",),
                "machineid": (f"{root}/machineid",),
                "locationid": (f"{root}/locationid",),
                "country_code": (f"{root}/country_code",),
                "ip": (f"{root}/ip",),
                "game_port": (f"{root}/game_port",),
                "query_port": (f"{root}/query_port",),
            },
            help="What the server is and where it runs (name, profileid, machineid,"
            " locationid, country_code, ip, game_port, query_port).",
            reads={"country_code": upper_case},
        ),
        States(
            "clanforge_server_state",
            (f"{root}/active",),
            help="Activity (active: 0 stopped, 1 started, 2 and more restarting): 1 for the"
            " present one.",
            states=("stopped", "started", "restarting"),
            numbered=True,
        ),
        Gauge(
            "clanforge_server_allocated",
            (f"{root}/allocated_uuid",),
            help="Whether the server is on an allocation (allocated_uuid is not empty).",
            read=filled,
            default=0,
        ),
        Gauge(
            "clanforge_server_admin_locked",
            (f"{root}/admin_locked",),
            help="Whether the server is locked, for maintenance or an installation (admin_locked).",
            read=flag,
        ),
        Part(
            "clanforge_server_query_success",
            f"{root}/query_info",
            help="Whether the game server answered the query (query_info).",
            when=("query_info", asked),
            error="/error",
            # A stopped server has no players to count, whatever an old answer says.
            silent=(f"{root}/active", 0),
            fields=(
                Gauge(
                    "clanforge_server_players",
                    ("/players",),
                    help="Players on the server (query_info.players); absent when the query"
                    " failed or the server is stopped.",
                    read=count,
                ),
                Gauge(
                    "clanforge_server_max_players",
                    ("/max_players",),
                    help="Most players of a match (query_info.max_players), which spectators"
                    " may exceed; absent when the query failed or the server is stopped.",
                    read=count,
                ),
                Info(
                    "clanforge_server_query_info",
                    {"map": ("/map",), "status": ("/status",)},
                    help="Map and status of the match (query_info.map, query_info.status);"
                    " only with match_info.",
                    when=("match_info", "true"),
                ),
            ),
        ),
    )


_SERVER = System(
    name="clanforge",
    title="Multiplay Clanforge game server",
    url_help=_URL_HELP,
    params=(
        Param("serverid", "path", help="The id of the game server."),
        Param(
            "query_info",
            "query",
            help="Whether to have the game server queried for its players.",
            default="true",
            choices=("true", "false"),
        ),
        _MATCH_INFO,
    ),
    endpoints=(
        Endpoint(
            path="/cfp/v1/server/{serverid}/status",
            headers=_HEADERS,
            labels={"serverid": ("/server/serverid",)},
            refusal=_REFUSAL,
            fields=_fields("/server", asked="true"),
        ),
    ),
)

_FLEET = System(
    name="clanforge_fleet",
    title="Multiplay Clanforge fleet, all of its servers in one call",
    url_help=_URL_HELP,
    prefix="clanforge",
    params=(
        Param("accountserviceid", "query", help="The id of the account service (ASID)."),
        Param(
            "query_info",
            "query",
            help="Whether to have the game servers queried for their players.",
            default="1",
            choices=("1", "0"),
        ),
        _MATCH_INFO,
        Param("profileid", "query", help="Only servers of this profile.", default=""),
        Param("locationid", "query", help="Only servers at this location.", default=""),
        Param("country_code", "query", help="Only servers in this country.", default=""),
    ),
    endpoints=(
        Endpoint(
            path="/cfp/v1/server/list",
            headers=_HEADERS,
            refusal=_REFUSAL,
            fields=(
                Each(
                    "/servers",
                    labels={"serverid": ("/serverid",)},
                    fields=_fields("", asked="1"),
                ),
            ),
        ),
    ),
)

SYSTEMS = (_SERVER, _FLEET)
