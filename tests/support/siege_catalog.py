"""What has harmed the whole exporter once, in groups: the tables of docs/faults.md.

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
            "a scraper with the right password got 503 all the time",
            "client addresses take turns at hashing: the scraper waits for at most one guess of each other address",
            ("test_users",),
        ),
        "40 scrapes of one address, each read slowly": Row(
            "every other scrape got 503",
            "the address with the most scrapes loses one",
            ("test_connection_limits",),
        ),
        "a form of another site's page posts to `/-/reload`": Row(
            "the exporter reloaded", "403, counted as `origin`", ("test_browsers", "test_forgery")
        ),
        "DNS rebinding": Row(
            "the page read the targets",
            "with `--web.allowed-host` 403, counted as `host`",
            ("test_browsers", "test_forgery"),
        ),
        "100 idle connections, `ulimit -n 64`, 300 targets": Row(
            "a scraper was reset or timed out",
            "a warning names the number of files needed; idle connections are closed",
            ("test_connection_limits", "test_listening"),
        ),
        "two operators set one target at once": Row(
            "a state that changed while the question of `set` was open was overwritten",
            "nothing is sent then; of two requests sent at once each `set` reports its own",
            ("test_set_terminal",),
        ),
        "the wall clock is set by a year": Row(
            "availability and the time since a failure were wrong for ever",
            "they follow the clock; polls, tokens and `max_age` use another one",
            ("test_clock_jumps",),
        ),
        "the machine is suspended for a night": Row(
            "values of before were shown as current for up to an interval",
            "they are `stale`, every target is polled at once, and tokens are renewed",
            ("test_clock_jumps",),
        ),
        "standard input, output or error closed at the start": Row(
            "SIGABRT at the end", "/dev/null in its place; exit code 0", ("test_standard_streams",)
        ),
        "standard error is a pipe that is not read": Row(
            "no poll, no scrape, and SIGTERM had no effect",
            "log records are dropped and counted; polls and scrapes continue",
            ("test_log", "test_standard_streams"),
        ),
        "eight clients probe a target in a loop": Row(
            "21,505 requests in 8 s to a vendor that was owed 6",
            "a result younger than half the interval is the answer",
            ("test_probe",),
        ),
        "clients probe a target of 20,000 series in a loop": Row(
            "the event loop was blocked for 60 ms each time",
            "one page is written at a time, in a thread",
            ("test_probe",),
        ),
        "30 clients of `/sd` with 4,000 targets": Row(
            "1,569 polls were late", "the labels of a target are rendered once", ("test_sd",)
        ),
        "`/-/ready` with discoveries alone": Row(
            "200 before any target was polled",
            "503 until the targets of the first lists have been polled",
            ("test_discovery_readiness",),
        ),
    },
    "lists": {
        "a key twice among 300,000 of an http_sd": Row(
            "one core was busy, and SIGTERM had no effect for 25 s",
            "the list is refused in one pass",
            ("test_file_list_faults",),
        ),
        "lists of millions of parts, groups of many items with many labels, keys or items of a megabyte": Row(
            "seconds of parsing, gigabytes of labels",
            "limits of parts, characters and levels, checked before memory is allocated; a list that takes longer than a minute is refused",
            ("test_file_list_faults",),
        ),
        "a read of a file or list that never ends": Row(
            "SIGTERM waited for its thread",
            "it runs in a thread that the program does not wait for",
            ("test_daemon",),
        ),
        "a pattern of a file_sd that matches 100,000 files": Row(
            "13 s of reading, then a second of one core at every look",
            "beyond 10,000 files the targets of before stay",
            ("test_file_list_limits",),
        ),
        "files of a file_sd with 200,000 targets each": Row(
            "each was within the limits of a list",
            "the limits apply to all files together",
            ("test_file_list_limits",),
        ),
        "a list of megabytes that is refused": Row(
            "its text and parts stayed in memory until the next search for garbage",
            "they are freed at once",
            ("test_list_memory",),
        ),
        "merge keys nested 24 deep": Row(
            "16 s or longer, 334 MB",
            "aliases expand to at most 10,000 parts, or 20 for each part of the file",
            ("test_file_list_faults",),
        ),
        "aliases of aliases in `systems:`": Row(
            "17 s at each reload", "the same limit, and 50 levels", ("test_config_file",)
        ),
        "ESC, bidirectional or invisible characters in a label or name": Row(
            "they reached the page and the terminal",
            "U+FFFD in labels; such a name is refused",
            ("test_file_list_faults",),
        ),
        "the thread that checks the configuration for changes cannot start": Row(
            "no change was noticed until a restart",
            "the next check notices it",
            ("test_reload_triggers",),
        ),
        "an unchanged list is read again": Row(
            "a log record at info each time", "at debug", ("test_discovery",)
        ),
    },
    "answers": {
        "a password that is part of a label's name": Row(
            "the page could not be parsed",
            "names are never redacted; the page can be parsed for any secret and any answer",
            ("test_render", "test_secret"),
        ),
        "name servers are silent, threads are short": Row(
            "82 targets stayed down until a restart",
            "a fixed pool of threads; if a thread cannot start, one look-up fails",
            ("test_resolve",),
        ),
        "250 targets with 110,000 keys each": Row(
            "`/metrics` took 13 s, good targets were not polled",
            "keys and items are counted; one large answer is parsed at a time",
            ("test_json_tree", "test_large_answers"),
        ),
        "1,000 targets send 1 MiB and stall": Row(
            "1,075 MB", "a budget for all bodies together; beyond it `too_large`", ("test_client",)
        ),
        "1,000 items with 19 gauges and long labels": Row(
            "19.6 MB of page from one target",
            "256 bytes of lines for each series of `max_series`; the rest is dropped and counted",
            ("test_render", "test_targets"),
        ),
        "19,000 series of one metric that change": Row(
            "the event loop was blocked for 0.7 s each time", "one pass, 20 ms", ("test_render",)
        ),
        "lists whose length changes; lines, heads, tokens or locations of 64 KB that change": Row(
            "caches of up to 500 MB",
            "long values are not cached",
            ("test_render", "test_lines", "test_fetch", "test_secret", "test_redirects"),
        ),
        "more hosts than open files": Row(
            "the port stopped answering",
            "idle connections are closed first, and some files are reserved",
            ("test_client",),
        ),
        "128 open files and 310 hosts": Row(
            "one poll at a time", "three quarters of the files are for polls", ("test_listening",)
        ),
        "a second, late answer on a kept connection": Row(
            "a target showed the value of another",
            "a connection belongs to one target",
            ("test_client",),
        ),
        "headers of a 103 answer, and trailers": Row(
            "they counted as those of the answer", "ignored", ("test_client",)
        ),
        "a vendor's authority is replaced in the middle of handshakes": Row(
            "nothing: it was tried, and worked",
            "polls fail as `tls` until the `ca_file` has the new one, and then work",
            ("test_certificate_rotation",),
        ),
        "an HTTPS server sends session tickets without end": Row(
            "the event loop was blocked for 1.4 s each time, and good targets timed out",
            "32 KiB are read at a time; after 64 KiB without an answer the poll fails as `tls`",
            ("test_tls_socket",),
        ),
        "one version of IP works and the other does not": Row(
            "an address such as 1.2.3.4.5 was looked up in the event loop",
            "such a host is a name, for the threads of the resolver",
            ("test_resolve",),
        ),
        "a folded header, bare line feeds, two equal lengths": Row(
            '"not a valid HTTP answer"', "refused with their own words", ("test_fetch",)
        ),
        "two values that are the same once redacted": Row(
            "the same series twice", "duplicates are found after redaction", ("test_render",)
        ),
        "a password that is echoed as hex, base64, in upper case, or escaped": Row(
            "shown", "redacted", ("test_secret",)
        ),
        "an item whose label is null, empty or too long": Row(
            "its value appeared as the whole target's", "no series, one fault", ("test_labels",)
        ),
        "ESC, BEL, C1 or a line feed in a key": Row(
            "`explain` printed it",
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
    lines = ["| fault | what it did | what happens now | test |", "| --- " * 4 + "|"]
    for fault, row in CATALOG[group].items():
        tests = ", ".join([*row.tests, *sorted(tried.get(fault, ()))])
        lines.append(f"| {fault} | {row.before} | {row.now} | {tests} |")
    return "\n".join(lines) + "\n"
