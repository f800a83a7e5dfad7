"""The body of /api/v2/status in its three formats, with the keys of the engine's code."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from exporter.simulator.webitel_worker import WebitelWorker

Body = dict[str, Any]

# The console's client library says this in every release.
CONSOLE_VERSION = "3.2.0"
PLATFORM = {"platform": "linux", "name": "Linux", "architecture": "x64"}

KIB = 1024
SIZE_UNITS = ("Bytes", "kB", "MB", "GB", "TB", "PB", "EB")


def body_of_2015(worker: WebitelWorker, uptime: float, version: str, node_version: str) -> Body:
    """Return the body of October 2015: that of 3.3 with underscores and less in it."""
    body = body_until_33(worker, uptime, version, node_version)
    for key in ("Socket sessions", "Max users session", "Webitel", "Node version"):
        del body[key]
    renamed = {"Users session": "Users_Session", "Domain session": "Domain_Session"}
    return {renamed.get(key, key): value for key, value in body.items()}


def body_until_33(worker: WebitelWorker, uptime: float, version: str, node_version: str) -> Body:
    """Return the body up to 3.3: keys with blanks, rounded sizes, hours and minutes."""
    return {
        "Version": version,
        "Node memory": {
            "rss": pretty_size(worker.resident),
            "heapTotal": pretty_size(worker.heap.committed),
            "heapUsed": pretty_size(worker.heap.used),
        },
        "Process ID": worker.pid,
        "Socket sessions": worker.sockets,
        "Process up time": pretty_time(uptime),
        "OS": {
            "Total memory": pretty_size(worker.total_memory),
            "Free memory": pretty_size(worker.free_memory),
            **{key.capitalize(): value for key, value in PLATFORM.items()},
        },
        "Users session": worker.users,
        "Max users session": worker.users_peak,
        "Domain session": worker.domains,
        "Webitel": _console(worker, ("Status", "ApiQueue", "CmdQueue", "Version", "Sid")),
        # The master of the cluster passes it on in an environment variable, which is text.
        "CRASH_WORKER_COUNT": str(worker.crash_count),
        "Node version": node_version,
    }


def body_since_34(worker: WebitelWorker, uptime: float, version: str, node_version: str) -> Body:
    """Return the body since 3.4: camel case, bytes and seconds."""
    return {
        "version": version,
        "nodeMemory": {
            "rss": worker.resident,
            "heapTotal": worker.heap.committed,
            "heapUsed": worker.heap.used,
        },
        "processId": worker.pid,
        "socketSessions": worker.sockets,
        "userSessions": worker.users,
        "maxUserSessions": worker.users_peak,
        "domainSessions": worker.domains,
        "processUpTimeSec": round(uptime, 3),
        "wConsole": _console(worker, ("status", "apiQueue", "cmdQueue", "version", "sid")),
        "system": {
            "totalMemory": worker.total_memory,
            "freeMemory": worker.free_memory,
            **PLATFORM,
        },
        "crashCount": str(worker.crash_count),
        "nodeVersion": node_version,
    }


def pretty_size(size: int) -> str:
    """Round as the prettysize library does: powers of 1024, one decimal, no trailing zero."""
    power = 0
    while size >= KIB ** (power + 1) and power + 1 < len(SIZE_UNITS):
        power += 1
    # JavaScript rounds a tie up, Python's formatting would round it to even.
    rounded = (Decimal(size) / KIB**power).quantize(Decimal("0.1"), ROUND_HALF_UP)
    return f"{str(rounded).removesuffix('.0')} {SIZE_UNITS[power]}"


def pretty_time(seconds: float) -> str:
    """Write hours, minutes and seconds; hours may exceed a day."""
    minutes, second = divmod(int(seconds), 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour:02}:{minute:02}:{second:02}"


def _console(worker: WebitelWorker, keys: tuple[str, str, str, str, str]) -> Body:
    if worker.console == "Internal Error":
        # Every release writes this key in small letters.
        return {"status": worker.console}
    values = (worker.console, worker.api_queue, worker.cmd_queue, CONSOLE_VERSION)
    answer: Body = dict(zip(keys, values, strict=False))
    if worker.console == "Connected":
        answer[keys[4]] = f"{worker.sid}\n"
    return answer
