"""Log records go in; lines of logfmt or JSON come out, on standard error.

An event is a fixed phrase; what it is about stands beside it: `extra={"facts": {...}}`.
"""

import json
import logging
import re
import traceback
from datetime import UTC, datetime
from typing import Any

FORMATS = ("logfmt", "json")
LEVELS = ("debug", "info", "warn", "error")

_PLAIN = re.compile(r"[^\s\"=\\\x00-\x1f\x7f]+")


def set_up(level: str, form: str) -> None:
    """Send every log record of the program to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Json() if form == "json" else _Logfmt())
    handler.addFilter(_is_ours)
    logging.basicConfig(
        level=level.upper().replace("WARN", "WARNING"), handlers=[handler], force=True
    )


def _is_ours(record: logging.LogRecord) -> bool:
    # Whoever reaches the port can break a connection off or send what is not HTTP, as often as he
    # likes; a traceback for each would fill the disk.
    return (
        record.name != "aiohttp.server" or record.levelno < logging.ERROR or not _is_peers(record)
    )


def _is_peers(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    return isinstance(error, ConnectionError) or type(error).__module__ == "aiohttp.http_exceptions"


def _facts(record: logging.LogRecord) -> dict[str, Any]:
    moment = datetime.fromtimestamp(record.created, UTC)
    facts: dict[str, Any] = {
        "time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": record.levelname.lower().replace("warning", "warn"),
        "msg": record.getMessage(),
        "source": record.name,
    }
    facts |= getattr(record, "facts", {})
    if record.exc_info and record.exc_info[0]:
        facts["traceback"] = "".join(traceback.format_exception(*record.exc_info))
    return facts


class _Logfmt(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return " ".join(f"{key}={_quoted(str(value))}" for key, value in _facts(record).items())


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(_facts(record), default=str)


def _quoted(value: str) -> str:
    # JSON's quoting is logfmt's, and keeps a line a line whatever a vendor sent.
    return value if _PLAIN.fullmatch(value) else json.dumps(value, ensure_ascii=False)
