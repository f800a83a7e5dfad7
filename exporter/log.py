"""Formats log records as logfmt or JSON, and writes them to standard error without blocking.

The message of an event is constant; its details are in `extra={"facts": {...}}`.
"""

import atexit
import json
import logging
import os
import queue
import re
import select
import threading
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from exporter.text import UNPRINTABLE

FORMATS = ("logfmt", "json")
LEVELS = ("debug", "info", "warn", "error")

_log = logging.getLogger(__name__)

_PLAIN = re.compile(rf"[^\s\"=\\{UNPRINTABLE}]+")
_UNPRINTABLE = re.compile(f"[{UNPRINTABLE}]")
# A line for each of 10,000 targets that fail at the same time, about 2 MB. A reader that is further
# behind has stopped.
_MAX_QUEUED_LINES = 10_000
_DRAIN_SECONDS = 1.0
_STDERR = 2


class _StderrQueue:
    """A non-blocking stream to standard error: a thread writes, and lines beyond its queue are dropped.

    A pipe that is not read holds 64 kB. A further write would block the event loop: no polls, no
    scrapes, and no effect of SIGTERM.
    """

    def __init__(self) -> None:
        self.on_drop: Callable[[], object] = lambda: None
        self._lines = queue.Queue[str](_MAX_QUEUED_LINES)
        self._dropped = self._reported = 0
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread, once."""
        if self._thread is None:
            # A daemon thread: at exit it may be blocked forever.
            self._thread = threading.Thread(target=self._run, name="log", daemon=True)
            self._thread.start()
            atexit.register(self.drain)

    def write(self, line: str) -> None:
        """Add a line to the queue; drop it if the queue is full."""
        try:
            self._lines.put_nowait(line)
        except queue.Full:
            self._drop()

    def flush(self) -> None:
        """Do nothing: a handler flushes after each line."""

    def drain(self, seconds: float = _DRAIN_SECONDS) -> None:
        """Wait until all lines are written, or for this many seconds."""
        lines = self._lines
        with lines.all_tasks_done:
            lines.all_tasks_done.wait_for(lambda: not lines.unfinished_tasks, seconds)

    def _run(self) -> None:
        while True:
            line = self._lines.get()
            try:
                _write(line)
            except OSError:  # The reader went away, or the disk is full.
                self._drop()
            else:
                self._report_dropped()
            self._lines.task_done()

    def _drop(self) -> None:
        self._dropped += 1
        self.on_drop()

    def _report_dropped(self) -> None:
        records = self._dropped - self._reported
        if records and self._lines.empty():
            self._reported += records
            facts = {"records": records}
            _log.warning("log records dropped: standard error was not read", extra={"facts": facts})


def _write(line: str) -> None:
    # Not sys.stderr: if a blocked thread holds its lock, Python aborts at exit.
    data = line.encode(errors="backslashreplace")
    while data:
        try:
            data = data[os.write(_STDERR, data) :]
        except BlockingIOError:  # Another process made the pipe non-blocking.
            select.select([], [_STDERR], [])


_stderr = _StderrQueue()


def count_dropped(on_drop: Callable[[], object]) -> None:
    """Set the function that is called, by any thread, for each dropped record."""
    _stderr.on_drop = on_drop


def drain() -> None:
    """Wait up to a second until all records are written."""
    _stderr.drain()


def set_up(level: str, form: str) -> None:
    """Configure logging to standard error, without blocking."""
    _stderr.start()
    handler = logging.StreamHandler(_stderr)
    handler.setFormatter(_Json() if form == "json" else _Logfmt())
    handler.addFilter(_is_logged)
    logging.basicConfig(
        level=level.upper().replace("WARN", "WARNING"), handlers=[handler], force=True
    )


def _is_logged(record: logging.LogRecord) -> bool:
    # Any client can close connections early or send malformed requests. A traceback for each would
    # fill the disk.
    is_error = record.name == "aiohttp.server" and record.levelno >= logging.ERROR
    return not (is_error and _is_caused_by_client(record))


def _is_caused_by_client(record: logging.LogRecord) -> bool:
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
        return " ".join(f"{key}={_quote(str(value))}" for key, value in _facts(record).items())


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(_facts(record), default=str)


def _quote(value: str) -> str:
    # logfmt quotes like JSON, which keeps a vendor's text on one line. Letters of any script remain;
    # control and invisible characters are escaped.
    if _PLAIN.fullmatch(value):
        return value
    quoted = json.dumps(value, ensure_ascii=False)
    return _UNPRINTABLE.sub(lambda match: json.dumps(match[0])[1:-1], quoted)
