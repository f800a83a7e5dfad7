"""What the status server answers: the vendors' answers, and what each kind of target is.

Some numbers change with every answer: an exporter that skips unchanged values would otherwise look
better than it is.
"""

from collections.abc import Callable
from dataclasses import dataclass

FLEET_SIZE = 1000
"""The number of game servers in one answer of `fleet`."""

_TEN = (
    b'{"nodeMemory":{"rss":104857600,"heapTotal":70516736,"heapUsed":%d},"processId":29,'
    b'"socketSessions":%d,"userSessions":%d,"domainSessions":5,"processUpTimeSec":%d.507,'
    b'"system":{"totalMemory":16731197440,"freeMemory":%d},"freeSWITCH":"No ESL connect."}'
)
_UCS = (
    b'{"max_memory":1037952,"server_errors_today":2,"client_errors_today":41,"request_today":%d,'
    b'"system_time":"2024-03-18T09:12:44.108Z","used_memory":%d,"allocated_memory":786432,'
    b'"started":"2024-03-11T22:00:03.517Z","free_memory":%d,'
    b'"last_request":"2024-03-18T09:12:43.992Z","mode":"production","version":"8.5.300.21"}'
)
_WEBITEL = (
    b'{"version":"v3.6#412-sha1:9f8e7d6c","nodeMemory":{"rss":104857600,"heapTotal":70516736,'
    b'"heapUsed":%d},"processId":29,"socketSessions":%d,"userSessions":52,"maxUserSessions":79,'
    b'"domainSessions":5,"processUpTimeSec":%d.507,"wConsole":{"status":"Connected",'
    b'"apiQueue":0,"cmdQueue":0,"version":"3.2.0","sid":"5d1c0a52"},"system":{'
    b'"totalMemory":16731197440,"freeMemory":1578758144,"platform":"linux","name":"Linux",'
    b'"architecture":"x64"},"crashCount":"2","freeSWITCH":"UP 1 year, 1 day, 1 hour, 1 minute,'
    b" %d seconds, %d milliseconds, 1 microsecond\\nFreeSWITCH (Version 1.10.7-release git 883d2cb"
    b" 2021-10-24 16:39:33Z 64bit) is ready\\n%d session(s) since startup\\n%d session(s) - peak"
    b" 604, last 5min 260 \\n9 session(s) per Sec out of max 60, peak 71, last 5min 14 \\n"
    b"2000 session(s) max\\nmin idle cpu 5.00/74.50\\nCurrent Stack Size/Max 240K/8192K\\n"
    b'","nodeVersion":"v12.22.1"}'
)
_GAME_SERVER = (
    b'{"active":1,"allocated_uuid":"6f1f6f0e-2f0b-4f5e-9d3a-0a6b2a1c7d11",'
    b'"admin_locked":0,"country_code":"GB","game_port":9000,"ip":"192.0.2.15","locationid":"12",'
    b'"machineid":40231,"name":"eu-west #17","profileid":991,"query_port":"9010",'
    b'"serverid":%d,"query_info":{"players":%d,"max_players":64,"map":"de_harbour",'
    b'"status":"InMatch","name":"eu-west #17"}}'
)


def ten(number: int) -> bytes:
    """Return ten numbers of a Webitel engine, of which five change."""
    return _TEN % (
        50_000_000 + number % 9_000_000,
        number % 100,
        number % 60,
        number,
        1_578_000_000 + number % 900_000,
    )


def ucs(number: int) -> bytes:
    """Return a whole answer of Genesys UCS, of which three numbers change."""
    return _UCS % (number, 300_000 + number % 1000, 486_432 - number % 1000)


def webitel(number: int) -> bytes:
    """Return a whole answer of Webitel; three numbers and the text of its FreeSWITCH change."""
    return _WEBITEL % (
        50_000_000 + number % 9_000_000,
        number % 100,
        number,
        2 + number % 57,
        2 + number % 997,
        number + 900_000,
        number % 300,
    )


def clanforge(number: int) -> bytes:
    """Return a whole answer of Clanforge about one game server, of which one number changes."""
    return b'{"server":%b}' % (_GAME_SERVER % (1_200_345, number % 64))


def fleet(number: int) -> bytes:
    """Return a Clanforge list of 1,000 game servers; the players of each change."""
    servers = (_GAME_SERVER % (1_000_000 + at, (number + at) % 64) for at in range(FLEET_SIZE))
    return b'{"success":true,"messages":[],"servers":[%b]}' % b",".join(servers)


@dataclass(frozen=True)
class Answer:
    """A kind of target: its system, and what programs that take any URL poll of it."""

    system: str
    path: str
    body: Callable[[int], bytes]
    """Returns an answer for a running number."""
    base: str = ""
    """The part of the path that the exporter's configuration has; the system adds the rest."""
    params: str = ""
    """The target's parameters, in YAML."""
    keys: tuple[str, ...] = ()
    """The numbers that other programs read, with `/` between the levels."""


ANSWERS = {
    # The answer has an eleventh field, the text that there is no FreeSWITCH: the exporter would
    # count a fault without it. collectd cannot read texts.
    "ten": Answer(
        "webitel",
        "/ten/api/v2/status",
        ten,
        base="/ten",
        keys=(
            "nodeMemory/rss",
            "nodeMemory/heapTotal",
            "nodeMemory/heapUsed",
            "processUpTimeSec",
            "processId",
            "socketSessions",
            "userSessions",
            "domainSessions",
            "system/totalMemory",
            "system/freeMemory",
        ),
    ),
    # The other five keys are dates and texts, which other programs do not read as numbers.
    "ucs": Answer(
        "genesys_ucs",
        "/server/status",
        ucs,
        keys=(
            "max_memory",
            "allocated_memory",
            "used_memory",
            "free_memory",
            "request_today",
            "client_errors_today",
            "server_errors_today",
        ),
    ),
    "webitel": Answer("webitel", "/api/v2/status", webitel),
    "clanforge": Answer(
        "clanforge", "/cfp/v1/server/1200345/status", clanforge, params='serverid: "1200345"'
    ),
    "fleet": Answer(
        "clanforge_fleet", "/cfp/v1/server/list", fleet, params='accountserviceid: "4711"'
    ),
}

BODIES = {answer.path.encode(): answer.body for answer in ANSWERS.values()}
