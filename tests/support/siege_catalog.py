"""Faults that once harmed the whole exporter, in groups: the tables of docs/faults.md.

Tests in `tests/external/hostile` name the faults that they try, and the table names their modules
beside the other tests of a fault.
"""

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from support.repository import ROOT

HOSTILE = ROOT / "tests" / "external" / "hostile"

_Test = TypeVar("_Test", bound=Callable[..., object])


@dataclass(frozen=True)
class Row:
    """One fault: what it did, what happens now, and the tests besides the hostile ones."""

    before: str
    now: str
    tests: tuple[str, ...] = ()


CATALOG: dict[str, dict[str, Row]] = {
    "clients": {
        "30 connections guess passwords before the first scrape": Row(
            "a scraper with the right password gets 503",
            "client addresses take turns at hashing, so the scraper waits for one guess of each other address",
            ("test_users",),
        ),
        "40 scrapes from one address, each read slowly": Row(
            "every other scrape gets 503",
            "the address with the most scrapes loses one to an address with fewer",
            ("test_connection_limits",),
        ),
        "a form on a page of another site posts to `/-/reload`": Row(
            "the exporter reloads", "403, counted as `origin`", ("test_browsers", "test_forgery")
        ),
        "DNS rebinding": Row(
            "the page reads the targets",
            "with `--web.allowed-host` 403, counted as `host`",
            ("test_browsers", "test_forgery"),
        ),
        "100 idle connections, `ulimit -n 64`, 300 targets": Row(
            "a scraper is reset or times out",
            "a warning names the number of files needed; idle connections are closed",
            ("test_connection_limits", "test_listening"),
        ),
        "two operators set one target at once": Row(
            "a state that changed while `set` waits for confirmation is overwritten",
            "nothing is sent; of two requests sent at once, each `set` reports its own",
            ("test_set_terminal",),
        ),
        "the wall clock is set by a year": Row(
            "availability and the time since a failure stay wrong",
            "they follow the clock; polls, tokens and `max_age` do not depend on it",
            ("test_clock_jumps",),
        ),
        "the machine is suspended for a night": Row(
            "old values are shown as current for up to an interval",
            "they are `stale`, all targets are polled at once, and tokens are renewed",
            ("test_clock_jumps",),
        ),
        "standard input, output or error is closed at the start": Row(
            "SIGABRT at the end", "replaced by /dev/null; exit code 0", ("test_standard_streams",)
        ),
        "standard error is a pipe that is not read": Row(
            "polls and scrapes stop, and SIGTERM has no effect",
            "log records are dropped and counted; everything else continues",
            ("test_log", "test_standard_streams"),
        ),
        "eight clients probe a target in a loop": Row(
            "a vendor gets 21,505 requests in 8 s instead of 6",
            "a result younger than half the interval is reused",
            ("test_probe",),
        ),
        "clients probe a target of 20,000 series in a loop": Row(
            "the event loop is blocked for 60 ms each time",
            "large pages are rendered one at a time, in a thread",
            ("test_probe",),
        ),
        "30 clients request `/sd` with 4,000 targets": Row(
            "1,569 polls are late", "the labels of a target are rendered once", ("test_sd",)
        ),
        "`/-/ready` with discoveries only": Row(
            "200 before any target was polled",
            "503 until the targets of the first lists have been polled",
            ("test_discovery_readiness",),
        ),
    },
    "lists": {
        "an http_sd list with 300,000 keys and a duplicate": Row(
            "one core is busy, and SIGTERM has no effect for 25 s",
            "the list is refused after one pass",
            ("test_file_list_faults",),
        ),
        "a list of millions of parts, groups of many items with many labels, keys or items of a megabyte": Row(
            "seconds of parsing, gigabytes of labels",
            "limits on parts, characters and levels, checked before memory is allocated; a list that takes longer than a minute is refused",
            ("test_file_list_faults",),
        ),
        "a file or list that cannot be read to its end": Row(
            "SIGTERM waits for the reading thread",
            "shutdown does not wait for that thread",
            ("test_daemon",),
        ),
        "a pattern of a file_sd that matches 100,000 files": Row(
            "13 s of reading, then a second of one core at every check",
            "with more than 10,000 files the previous targets stay",
            ("test_file_list_limits",),
        ),
        "files of a file_sd with 200,000 targets each": Row(
            "each file is within the limits of a list",
            "the limits apply to all files together",
            ("test_file_list_limits",),
        ),
        "a list of megabytes that is refused": Row(
            "its text and parts stay in memory until the next garbage collection",
            "they are freed at once",
            ("test_list_memory",),
        ),
        "merge keys nested 24 deep": Row(
            "16 s or more, 334 MB",
            "aliases expand to at most 10,000 parts, or 20 for each part in the file",
            ("test_file_list_faults",),
        ),
        "aliases of aliases in `systems:`": Row(
            "17 s at each reload", "the same limit, and 50 levels", ("test_config_file",)
        ),
        "ESC, bidirectional or invisible characters in a label or name": Row(
            "they reach `/metrics` and the terminal",
            "replaced by U+FFFD in labels; such a name is refused",
            ("test_file_list_faults",),
        ),
        "the thread that checks the configuration file cannot start": Row(
            "changes are not noticed until a restart",
            "the next check finds them",
            ("test_reload_triggers",),
        ),
        "an unchanged list is read again": Row(
            "a log record at level info each time", "logged at level debug", ("test_discovery",)
        ),
    },
    "answers": {
        "a password that is part of a label's name": Row(
            "`/metrics` cannot be parsed",
            "names are never redacted",
            ("test_render", "test_secret"),
        ),
        "name servers do not answer, and threads are scarce": Row(
            "82 targets stay down until a restart",
            "a fixed pool of threads; a thread that cannot start fails one look-up only",
            ("test_resolve",),
        ),
        "250 targets with 110,000 keys each": Row(
            "`/metrics` takes 13 s, and good targets are not polled",
            "keys and items are limited; one large answer is parsed at a time",
            ("test_json_tree", "test_large_answers"),
        ),
        "1,000 targets send 1 MiB and stall": Row(
            "1,075 MB of memory",
            "one memory budget for all bodies; an answer that exceeds it fails with `too_large`",
            ("test_client",),
        ),
        "1,000 items with 19 gauges and long labels": Row(
            "19.6 MB of metrics from one target",
            "256 bytes for each series of `max_series`; the rest is dropped and counted",
            ("test_render", "test_targets"),
        ),
        "19,000 series of one metric that change": Row(
            "the event loop is blocked for 0.7 s each time", "one pass of 20 ms", ("test_render",)
        ),
        "different list lengths, lines, heads, tokens or locations of 64 KB each time": Row(
            "caches of up to 500 MB",
            "long texts are not cached",
            ("test_render", "test_lines", "test_fetch", "test_secret", "test_redirects"),
        ),
        "more hosts than open files": Row(
            "the port stops answering",
            "idle connections are closed first, and some files are reserved for the port",
            ("test_client",),
        ),
        "128 open files and 310 hosts": Row(
            "one poll at a time", "three quarters of the files are for polls", ("test_listening",)
        ),
        "a second, late answer on a kept connection": Row(
            "a target shows the value of another",
            "connections are not shared between targets",
            ("test_client",),
        ),
        "headers of a 103 answer, and trailers": Row(
            "treated as headers of the answer", "ignored", ("test_client",)
        ),
        "a vendor's authority is replaced in the middle of handshakes": Row(
            "none: this worked",
            "polls fail as `tls` until the `ca_file` has the new authority, and then work",
            ("test_certificate_rotation",),
        ),
        "an HTTPS server sends session tickets without end": Row(
            "the event loop is blocked for 1.4 s at a time, and good targets time out",
            "32 KiB are read at a time; after 64 KiB without an answer the poll fails as `tls`",
            ("test_tls_socket",),
        ),
        "one version of IP works and the other does not": Row(
            "an address such as 1.2.3.4.5 is looked up in the event loop",
            "such a host is a name, and is looked up in a thread",
            ("test_resolve",),
        ),
        "a folded header, bare line feeds, two equal lengths": Row(
            '"not a valid HTTP answer"', "refused, each with its own message", ("test_fetch",)
        ),
        "two values that are equal after redaction": Row(
            "a duplicate series", "duplicates are detected after redaction", ("test_render",)
        ),
        "a password sent back as hex, base64, in upper or lower case, or escaped": Row(
            "shown", "redacted", ("test_secret",)
        ),
        "an item whose label is null, empty or too long": Row(
            "its value looks like that of the whole target",
            "no series, one fault",
            ("test_labels",),
        ),
        "ESC, BEL, C1 or a line feed in a key": Row(
            "`explain` prints it",
            "one function escapes all text that is printed, logged or shown",
            ("test_sample_and_explain", "test_log"),
        ),
    },
}
"""The faults of each group."""

ROWS = {fault: row for rows in CATALOG.values() for fault, row in rows.items()}


def siege(*faults: str) -> Callable[[_Test], _Test]:
    """Note which faults a test tries."""
    unknown = set(faults) - ROWS.keys()
    assert not unknown, f"not in the catalog: {unknown}"
    return lambda test: test


def tried_faults() -> dict[str, set[str]]:
    """Return the modules of the hostile tests by the faults that they try."""
    found: dict[str, set[str]] = {}
    for path in HOSTILE.glob("test_*.py"):
        for names in re.findall(
            r"^@siege\(([^)]*)\)$", path.read_text(encoding="utf-8"), re.MULTILINE
        ):
            for fault in ast.literal_eval(f"[{names}]"):
                found.setdefault(fault, set()).add(path.stem)
    return found


def table(group: str) -> str:
    """Write the table of a group."""
    tried = tried_faults()
    lines = ["| fault | effect without the defence | behaviour | tests |", "| --- " * 4 + "|"]
    for fault, row in CATALOG[group].items():
        tests = ", ".join([*row.tests, *sorted(tried.get(fault, ()))])
        lines.append(f"| {fault} | {row.before} | {row.now} | {tests} |")
    return "\n".join(lines) + "\n"
