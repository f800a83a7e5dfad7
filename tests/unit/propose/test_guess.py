"""Guesses of a value's meaning, from its key and the value."""

from typing import Any

import pytest

from exporter.propose.guess import guess, key_words
from exporter.propose.quantities import Guess
from exporter.propose.terms import singular, words_of


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("heapUsed", "heap used"),
        ("Node memory", "node memory"),
        ("freeMemoryKiB", "free memory kib"),
        ("HTTPRequests", "http requests"),
        ("session(s)", "sessions"),
        ("hudson.node_monitors.SwapSpaceMonitor", "swap space monitor"),
        ("K\u00f6ln", "koln"),
        ("$", ""),
    ],
)
def test_keys_are_split_into_words(key: str, words: str) -> None:
    assert words_of(key) == tuple(words.split())


@pytest.mark.parametrize(
    ("many", "one"),
    [
        ("queues", "queue"),
        ("proxies", "proxy"),
        ("classes", "class"),
        ("indices", "index"),
        ("status", "status"),
        ("gas", "gas"),
    ],
)
def test_items_are_named_in_the_singular(many: str, one: str) -> None:
    assert singular((many,)) == (one,)


@pytest.mark.parametrize(
    ("key", "value", "kind", "words", "options"),
    [
        ("heap_kb", 12, "gauge", "heap bytes", {"read": "kibibytes"}),
        ("freeKiB", 12, "gauge", "free bytes", {"read": "kibibytes"}),
        ("usedMB", 12, "gauge", "used bytes", {"read": "mebibytes"}),
        ("disk_gb", 1.5, "gauge", "disk bytes", {"scale": 1024**3}),
        ("sizeBytes", 12, "gauge", "size bytes", {}),
        ("bytes_sent", 12, "counter", "sent bytes", {}),
        ("inOctets", 12, "counter", "in bytes", {}),
        ("size_in_bytes", 12, "gauge", "size bytes", {}),
        ("rss", 104857600, "gauge", "rss bytes", {}),
        ("max_memory", 1037952, "gauge", "max memory", {}),
        ("latency_ms", 3, "gauge", "latency seconds", {"read": "milliseconds"}),
        ("uptimeMillis", 3, "gauge", "uptime seconds", {"read": "milliseconds"}),
        ("wait_us", 3, "gauge", "wait seconds", {"read": "microseconds"}),
        ("pause_ns", 3, "gauge", "pause seconds", {"read": "nanoseconds"}),
        ("uptime", 3, "gauge", "uptime seconds", {}),
        ("cpuPercent", 28, "gauge", "cpu ratio", {"read": "percent"}),
        ("usedPct", 28, "gauge", "used ratio", {"read": "percent"}),
        ("used", "28 %", "gauge", "used ratio", {"read": "percent"}),
        ("requests_per_sec", 2, "gauge", "requests per sec", {}),
        (
            "started",
            1730000000,
            "gauge",
            "started timestamp seconds",
            {"read": {"time": "seconds"}},
        ),
        (
            "created_at",
            "1730000000",
            "gauge",
            "created timestamp seconds",
            {"read": {"time": "seconds"}},
        ),
        (
            "lastSeen",
            1730000000123,
            "gauge",
            "last seen timestamp seconds",
            {"read": {"time": "milliseconds"}},
        ),
        ("at", "2024-03-18T09:12:44Z", "gauge", "timestamp seconds", {"read": "time"}),
        (
            "at",
            "2024-03-18 09:12:44",
            "gauge",
            "timestamp seconds",
            {"read": {"time": "iso", "zone": "UTC"}},
        ),
        ("disk", "58.4 MB", "gauge", "disk bytes", {"read": {"size": "binary"}}),
        ("body", "58.4 MB", "gauge", "body bytes", {"read": "size"}),
        ("up", "3 days, 4:05:06", "gauge", "up seconds", {"read": "duration"}),
        ("requests", 7, "counter", "requests", {}),
        ("errors", "7", "counter", "errors", {}),
        ("crashCount", 7, "counter", "crash count", {}),
        ("total", 7, "counter", "total", {}),
        ("handled", 7, "counter", "handled", {}),
        ("consumers", 7, "gauge", "consumers", {}),
        ("active_requests", 7, "gauge", "active requests", {}),
        ("total_memory", 7, "gauge", "total memory", {}),
        ("requests", -7, "gauge", "requests", {}),
        ("ok", True, "gauge", "ok", {"read": "flag"}),
        ("ssl", "on", "gauge", "ssl", {"read": "flag"}),
        ("is_up", 1, "gauge", "is up", {"read": "flag"}),
        ("status", "UP", "states", "status", {"known": ["up", "down", "out_of_service"]}),
        ("health", "yellow", "states", "health", {"known": ["green", "yellow", "red"]}),
        ("phase", "Terminating", "states", "phase", {"known": ["terminating"]}),
        ("version", "8.5", "label", "version", {}),
        ("node", "rabbit@mq1", "label", "node", {}),
        ("serverid", 1200345, "label", "serverid", {}),
        ("port", 9000, "label", "port", {}),
        ("name", "idle", "label", "name", {}),
    ],
)
def test_a_value_is_guessed(
    key: str, value: Any, kind: str, words: str, options: dict[str, Any]
) -> None:
    made = guess((), key_words(key), [value])

    assert isinstance(made, Guess)
    assert (made.kind, " ".join(made.words), dict(made.options)) == (kind, words, options)


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("x", None, "null"),
        ("x", "", "empty"),
        ("api_token", "abc", "a secret by its name"),
        ("api_key", "abc", "a secret by its name"),
        ("licenseKey", "abc", "a secret by its name"),
        ("sessionId", "abc", "a secret by its name"),
        ("X-Amz-Signature", "abc", "a secret by its name"),
        ("password", 12, "a secret by its name"),
        ("x", "http://example.org/a", "a URL"),
        ("x", "5d1c0a52-0000-4000-8000-1b2c3d4e5f60", "a UUID, hash or key"),
        ("x", "0b1c2d3e4f5061728394a5b6c7d8e9f001122334", "a UUID, hash or key"),
        ("x", "word " * 20, "a long text"),
        ("x", "a\x1b[31mb", "control characters"),
        ("x", float("nan"), "not a finite number"),
        ("x", 10**400, "not a finite number"),
        ("error_message", "no route", "a message by its name"),
        ("x", "2020-Nov-10 04:15:38", "a time whose format `time` would need"),
    ],
)
def test_values_that_no_field_should_read_are_left_out(key: str, value: Any, why: str) -> None:
    assert guess((), key_words(key), [value]) == why


def test_values_of_several_items_have_one_reading() -> None:
    assert guess((), ("x",), [1, "two"]) == "of several kinds"
    made = guess((), ("x",), [1, "n/a", 2, "-"])

    assert isinstance(made, Guess)
    assert dict(made.options) == {"null_values": ["-", "n/a"]}


def test_each_guess_explains_itself() -> None:
    made = guess((), ("wait", "ms"), [3])

    assert isinstance(made, Guess)
    assert made.note == "guess: milliseconds, from the key"
