"""A running number goes in; the answer of a vendor's status endpoint comes out, as bytes.

Some of the numbers in it change with every answer, since an exporter that saved itself the work
for what did not change would otherwise look better than it is.
"""

from collections.abc import Callable

TEN_PATH = "/ten/api/v2/status"
"""Where the ten numbers are: the address of a Webitel engine behind the base path /ten."""

TEN_KEYS = (
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
)
"""The ten numbers, as collectd names them; each is one gauge of the exporter.

The answer holds nothing else but an eleventh field for the exporter, the text that there is no
FreeSWITCH: without it every poll would be a complaint. collectd has no use for texts.
"""

UCS_PATH = "/server/status"
UCS_KEYS = (
    "max_memory",
    "allocated_memory",
    "used_memory",
    "free_memory",
    "request_today",
    "client_errors_today",
    "server_errors_today",
)
"""The numbers of a UCS answer. Its other five keys are dates and texts, which collectd cannot
read."""

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
    b" 1 second, 1 millisecond, 1 microsecond\\nFreeSWITCH (Version 1.10.7-release git 883d2cb"
    b" 2021-10-24 16:39:33Z 64bit) is ready\\n%d session(s) since startup\\n%d session(s) - peak"
    b" 604, last 5min 260 \\n9 session(s) per Sec out of max 60, peak 71, last 5min 14 \\n"
    b"2000 session(s) max\\nmin idle cpu 5.00/74.50\\nCurrent Stack Size/Max 240K/8192K\\n"
    b'","nodeVersion":"v12.22.1"}'
)
_CLANFORGE = (
    b'{"server":{"active":1,"allocated_uuid":"6f1f6f0e-2f0b-4f5e-9d3a-0a6b2a1c7d11",'
    b'"admin_locked":0,"country_code":"GB","game_port":9000,"ip":"192.0.2.15","locationid":"12",'
    b'"machineid":40231,"name":"eu-west #17","profileid":991,"query_port":"9010",'
    b'"serverid":1200345,"query_info":{"players":%d,"max_players":64,"map":"de_harbour",'
    b'"status":"InMatch","name":"eu-west #17"}}}'
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
    """Return a whole answer of Webitel with its FreeSWITCH, of which five numbers change."""
    return _WEBITEL % (
        50_000_000 + number % 9_000_000,
        number % 100,
        number,
        number + 900_000,
        number % 300,
    )


def clanforge(number: int) -> bytes:
    """Return a whole answer of Clanforge, of which one number changes."""
    return _CLANFORGE % (number % 64)


BY_PATH: dict[bytes, Callable[[int], bytes]] = {
    TEN_PATH.encode(): ten,
    UCS_PATH.encode(): ucs,
    b"/api/v2/status": webitel,
}
"""Every other path is a game server's, whose number is in it."""
