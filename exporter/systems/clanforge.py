"""Multiplay Clanforge: "Server status" of the Managed Game Server Hosting API.

The status page and the list page give one field different types; every one of them is read.
Errors come with HTTP 200. The `allocated_uuid` is never a label: each match would be a series.
"""

from exporter.readers import count, filled, flag, upper_case
from exporter.spec import Endpoint, Gauge, Info, Param, Part, Refusal, States, System

SYSTEM = System(
    name="clanforge",
    title="Multiplay Clanforge game server",
    url_help="the API, such as https://api.multiplay.co.uk",
    params=(
        Param("serverid", "path", help="The id of the game server."),
        Param(
            "query_info",
            "query",
            help="Whether to have the game server queried for its players.",
            default="true",
            choices=("true", "false"),
        ),
        Param(
            "match_info",
            "switch",
            help="Whether to export the map and status, a new series each match.",
            default="false",
            choices=("false", "true"),
        ),
    ),
    endpoints=(
        Endpoint(
            path="/cfp/v1/server/{serverid}/status",
            # The vendor's pages ask for it, on GET too.
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            labels={"serverid": ("/server/serverid",)},
            refusal=Refusal(error="/error", success="/success", message="/error_message"),
            fields=(
                Info(
                    "clanforge_server_info",
                    {
                        "name": ("/server/name",),
                        "profileid": ("/server/profileid",),
                        "machineid": ("/server/machineid",),
                        "locationid": ("/server/locationid",),
                        "country_code": ("/server/country_code",),
                        "ip": ("/server/ip",),
                        "game_port": ("/server/game_port",),
                        "query_port": ("/server/query_port",),
                    },
                    help="What the server is and where it runs (name, profileid, machineid,"
                    " locationid, country_code, ip, game_port, query_port).",
                    reads={"country_code": upper_case},
                ),
                States(
                    "clanforge_server_state",
                    ("/server/active",),
                    help="Activity (active: 0 stopped, 1 started, 2 and more restarting): 1 for the"
                    " present one.",
                    states=("stopped", "started", "restarting"),
                    numbered=True,
                ),
                Gauge(
                    "clanforge_server_allocated",
                    ("/server/allocated_uuid",),
                    help="Whether the server is on an allocation (allocated_uuid is not empty).",
                    read=filled,
                    default=0,
                ),
                Gauge(
                    "clanforge_server_admin_locked",
                    ("/server/admin_locked",),
                    help="Whether the server is locked, for maintenance or an installation"
                    " (admin_locked).",
                    read=flag,
                ),
                Part(
                    "clanforge_server_query_success",
                    "/server/query_info",
                    help="Whether the game server answered the query (query_info).",
                    when=("query_info", "true"),
                    error="/error",
                    # A stopped server has no players to count, whatever an old answer says.
                    silent=("/server/active", 0),
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
            ),
        ),
    ),
)
