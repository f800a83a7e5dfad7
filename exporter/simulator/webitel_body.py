"""A worker's figures become the body of /api/v2/status, in the words of either release."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from exporter.simulator.webitel_worker import WebitelWorker

# The console's client library says this in every release.
CONSOLE_VERSION = "3.2.0"
PLATFORM = {"platform": "linux", "name": "Linux", "architecture": "x64"}

KIB = 1024
SIZE_UNITS = ("Bytes", "kB", "MB", "GB", "TB", "PB", "EB")


def body_until_33(
    worker: WebitelWorker, *, now: float, version: str, node_version: str
) -> dict[str, Any]:
    """Spell the figures for people: keys with blanks, rounded sizes, hours and minutes."""
    return {
        "Version": version,
        "Node memory": {
            "rss": pretty_size(worker.resident),
            "heapTotal": pretty_size(worker.heap_total),
            "heapUsed": pretty_size(worker.heap_used),
        },
        "Process ID": worker.pid,
        "Socket sessions": worker.sockets,
        "Process up time": pretty_time(now - worker.started),
        "OS": {
            "Total memory": pretty_size(worker.total_memory),
            "Free memory": pretty_size(worker.free_memory),
            **{key.capitalize(): value for key, value in PLATFORM.items()},
        },
        "Users session": worker.users,
        "Max users session": worker.users_peak,
        "Domain session": worker.domains,
        "Webitel": _console(worker, ("Status", "ApiQueue", "CmdQueue", "Version", "Sid")),
        "Node version": node_version,
    }


def body_since_34(
    worker: WebitelWorker, *, now: float, version: str, node_version: str
) -> dict[str, Any]:
    """Spell the figures for programs: one word a key, bytes and seconds."""
    return {
        "version": version,
        "nodeMemory": {
            "rss": worker.resident,
            "heapTotal": worker.heap_total,
            "heapUsed": worker.heap_used,
        },
        "processId": worker.pid,
        "socketSessions": worker.sockets,
        "userSessions": worker.users,
        "maxUserSessions": worker.users_peak,
        "domainSessions": worker.domains,
        "processUpTimeSec": round(now - worker.started, 3),
        "wConsole": _console(worker, ("status", "apiQueue", "cmdQueue", "version", "sid")),
        "system": {
            "totalMemory": worker.total_memory,
            "freeMemory": worker.free_memory,
            **PLATFORM,
        },
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
    """Write hours, minutes and seconds; the hours go on beyond a day."""
    minutes, second = divmod(int(seconds), 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour:02}:{minute:02}:{second:02}"


def _console(worker: WebitelWorker, keys: tuple[str, str, str, str, str]) -> dict[str, Any]:
    if worker.console == "Internal Error":
        # Both releases write this key in small letters.
        return {"status": worker.console}
    answer = dict(
        zip(
            keys,
            (worker.console, worker.api_queue, worker.cmd_queue, CONSOLE_VERSION),
            strict=False,
        )
    )
    if worker.console == "Connected":
        answer[keys[4]] = f"{worker.sid}\n"
    return answer
