"""Answers that other exporters cannot read, or that make their whole target fail."""

import json
from typing import Any

import pytest

from exporter.declare.unmapped import find_unmapped
from support.declarations import declared, extracted, written

INFO = {"info": "s_info", "labels": {"name": "/name"}}
V = {"gauge": "s_v", "path": "/v"}
KOELN = "<r><v>1</v><name>Köln</name></r>".encode("latin-1")
XML_FIELDS = [
    {"gauge": "s_v", "path": "/r/v"},
    {"info": "s_info", "labels": {"name": "/r/name"}},
]
NGINX = b"Active connections: 2 \nserver accepts handled requests\n 18 18 72 \nReading: 0 Writing: 1 Waiting: 1 \n"
SPRING = {"status": "DOWN", "components": {"db": {"status": "DOWN"}, "disk": {"status": "UP"}}}

CASES: dict[str, tuple[list[dict[str, Any]], Any, list[str]]] = {
    "a map of scalars": (
        [
            {
                "each": "",
                "labels": {"component": "@key"},
                "fields": [{"gauge": "s_up", "path": ""}],
            }
        ],
        {"build_cache_node": False, "enterprise_app": True},
        ['s_up{component="build_cache_node"} 0', 's_up{component="enterprise_app"} 1'],
    ),
    "states and a match": (
        [
            {"states": "s_health", "path": "/status", "known": ["up", "down"]},
            {
                "each": "/components",
                "labels": {"component": "@key"},
                "fields": [{"match": "s_component_up", "path": "/status", "is": "UP"}],
            },
        ],
        SPRING,
        [
            's_health{state="up"} 0',
            's_health{state="down"} 1',
            's_health{state="unknown"} 0',
            's_component_up{component="db"} 0',
            's_component_up{component="disk"} 1',
        ],
    ),
    "percent signs and size units": (
        [
            {"gauge": "s_used_ratio", "path": "/used", "read": "percent"},
            {"gauge": "s_cpu_ratio", "path": "/cpu", "read": "percent"},
            {"gauge": "s_total_bytes", "path": "/total", "read": "size"},
            {"gauge": "s_limit_bytes", "path": "/limit", "read": {"size": "binary"}},
        ],
        {"used": "28 %", "cpu": "1%", "total": "8192 MB", "limit": "1G"},
        [
            "s_used_ratio 0.28",
            "s_cpu_ratio 0.01",
            "s_total_bytes 8192000000",
            "s_limit_bytes 1073741824",
        ],
    ),
    "a factor": (
        [
            {"gauge": "s_volts", "path": "/decivolts", "scale": 0.1},
            {"gauge": "s_seconds", "path": "/us", "read": "microseconds"},
            {"gauge": "s_celsius", "path": "/kelvin", "offset": -273.15},
        ],
        {"decivolts": 2305, "us": 1500, "kelvin": 300},
        ["s_volts 230.5", "s_seconds 0.0015", "s_celsius 26.85"],
    ),
    "numbers below zero": (
        [
            {"gauge": "s_offset_seconds", "path": "/offset_ms", "read": "milliseconds"},
            {"gauge": "s_change_ratio", "path": "/change", "read": "percent"},
        ],
        {"offset_ms": -3.5, "change": -12.5},
        ["s_offset_seconds -0.0035", "s_change_ratio -0.125"],
    ),
    "one metric of several fields without help": (
        [
            {
                "each": "/zones",
                "labels": {"zone": "@key"},
                "fields": [
                    {"counter": "s_responses_total", "path": "/r/1xx", "labels": {"code": "1xx"}},
                    {"counter": "s_responses_total", "path": "/r/4xx", "labels": {"code": "4xx"}},
                ],
            }
        ],
        {"zones": {"localhost": {"r": {"1xx": 0, "4xx": 3}}}},
        [
            's_responses_total{zone="localhost",code="1xx"} 0',
            's_responses_total{zone="localhost",code="4xx"} 3',
        ],
    ),
    "empty text for a number": (
        [
            {"gauge": "s_empty", "path": "/b", "default": 0},
            {"gauge": "s_empty_no_default", "path": "/b"},
            {"gauge": "s_filled", "path": "/b", "read": "filled"},
            {"gauge": "s_real", "path": "/c"},
        ],
        {"a": None, "b": "", "c": 5},
        ["s_empty 0", "s_filled 0", "s_real 5"],
    ),
    "a key that comes twice": (
        [{"gauge": "s_sent", "path": "/s/bytes"}, V],
        b'{"v":1,"s":{"bytes":1},"s":{"bytes":2}}',
        ["s_sent 2", "s_v 1"],
    ),
    "the last of a list, and rows that are lists": (
        [
            {"gauge": "s_eleven", "path": "/points/0/1"},
            {"gauge": "s_last", "path": "/points/0/-1"},
            {
                "each": "/rows",
                "labels": {"host": "/0"},
                "fields": [{"gauge": "s_row", "path": "/1"}],
            },
        ],
        {"points": [[10, 11, 12, 13]], "rows": [["a", 1], ["b", 2]]},
        ["s_eleven 11", "s_last 13", 's_row{host="a"} 1', 's_row{host="b"} 2'],
    ),
    "help of two lines": ([V | {"help": "The value.\nMore words."}], {"v": 1}, ["s_v 1"]),
    "JSON within a text": (
        [{"within": "/payload", "parse": "json", "fields": [{"gauge": "s_vol", "path": "/vol"}]}],
        {"device_id": "D1", "payload": '{"temp":0,"vol":220}'},
        ["s_vol 220"],
    ),
    "parents of aliases": (
        [{"gauge": "s_v", "path": ["/a/value", "/a"]}],
        {"a": {"other": 1}},
        [],
    ),
}


@pytest.mark.parametrize(("fields", "answer", "expected"), CASES.values(), ids=CASES)
def test_an_answer_has_its_samples(
    fields: list[dict[str, Any]], answer: Any, expected: list[str]
) -> None:
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    fields = [*fields, {"gauge": "s_present", "path": "/present", "default": 1}]

    found = extracted(declared(fields), body) if expected else None

    assert (written(found)[:-1] if found else []) == expected
    assert not found or found.faults == ()


@pytest.mark.parametrize(
    ("body", "content_type", "name"),
    [
        (b'{"v":1,"name":"x"}', "text/html", "x"),
        (
            '{"v":1,"name":"Москва"}'.encode("windows-1251"),
            "application/json; charset=windows-1251",
            "Москва",
        ),
        ('{"v":1,"name":"Köln"}'.encode("latin-1"), "application/json; charset=latin1", "Köln"),
        (
            '{"v":1,"name":"日本"}'.encode("shift_jis"),
            "application/json; charset=Shift_JIS",
            "日本",
        ),
        ('{"v":1,"name":"中国"}'.encode("gb2312"), "application/json; charset=GB2312", "中国"),
        ('{"v":1,"name":"Köln"}'.encode("utf-16le"), "application/json; charset=utf-16le", "Köln"),
        ('{"v":1,"name":"Köln"}'.encode("windows-1252"), "application/json", "Köln"),
    ],
)
def test_the_bytes_decide_and_the_charset_counts(body: bytes, content_type: str, name: str) -> None:
    found = extracted(declared([V, INFO]), body, content_type)

    assert written(found) == ["s_v 1", f's_info{{name="{name}"}} 1']
    assert found.faults == ()


def test_the_charset_of_an_xml_answer_counts() -> None:
    system = declared(XML_FIELDS, formats=["xml"])

    found = extracted(system, KOELN, "text/xml; charset=ISO-8859-1")

    assert written(found) == ["s_v 1", 's_info{name="Köln"} 1']


def test_a_replaced_byte_is_a_fault() -> None:
    found = extracted(declared([V, INFO]), b'{"v":1,"name":"\x81"}', "application/json")

    assert written(found)[0] == "s_v 1"
    assert [fault.metric for fault in found.faults] == ["s_v"]


def test_a_bare_nan_affects_only_its_field() -> None:
    found = extracted(declared([V, {"gauge": "s_w", "path": "/w"}]), b'{"v":1,"w":NaN}')

    assert written(found) == ["s_v 1"]
    assert found.faults == (("s_w", "the number is not finite"),)


@pytest.mark.parametrize(
    ("answer", "faults"),
    [
        ({"l": [{"id": ["a", "b"], "v": 1}, {"id": ["c"], "v": 2}]}, ["a list is not a text"] * 2),
        ({"l": [{"id": "x" * 300, "v": 1}]}, ["a text of 300 characters is too long for a label"]),
        ({"l": [{"id": "", "v": 1}]}, ["there is no value for it"]),
        ({"l": [{"id": None, "v": 1}]}, ["there is no value for it"]),
        ({"l": [{"v": 1}]}, ["there is no value for it"]),
    ],
)
def test_an_item_without_a_readable_label_has_no_series(answer: Any, faults: list[str]) -> None:
    system = declared([{"each": "/l", "labels": {"id": "/id"}, "fields": [V]}])

    found = extracted(system, json.dumps(answer).encode())

    assert found.samples == ()
    assert [fault.message for fault in found.faults] == [f"label id: {one}" for one in faults]


def test_a_text_body_is_read_line_by_line() -> None:
    system = declared(
        [
            {
                "lines": "",
                "patterns": ["Active connections: (?P<active>\\d+)"],
                "present": "s_up",
                "fields": [{"gauge": "s_active", "path": "/active"}],
            },
            {"gauge": "s_waiting", "path": "", "pattern": "Waiting: (\\d+)"},
        ],
        formats=["text"],
    )

    assert written(extracted(system, NGINX, "text/plain")) == [
        "s_up 1",
        "s_active 2",
        "s_waiting 1",
    ]


def test_indices_and_conditions_count_as_mapped() -> None:
    system = declared(
        [
            {
                "each": "/result/0/rows",
                "labels": {"n": "/n"},
                "where": {"path": "/tags/0", "is": "a"},
                "fields": [V],
            },
            {"within": "/parts/0", "present": "s_up", "fields": [{"gauge": "s_p", "path": "/p"}]},
        ]
    )
    tree = {"result": [{"rows": [{"n": "x", "v": 1, "tags": ["a"]}]}], "parts": [{"p": 1}]}

    assert find_unmapped(tree, system.endpoints[0]) == []
    assert find_unmapped(tree | {"new": [{"a": 1}, {"a": 2}]}, system.endpoints[0]) == ["/new/*/a"]


def test_a_line_that_resembles_a_pattern_is_unmapped() -> None:
    system = declared(
        [
            {
                "lines": "/t",
                "patterns": ["(?P<active>\\d+) session\\(s\\) - peak (?P<peak>\\d+)"],
                "fields": [{"gauge": "s_active", "path": "/active"}],
            }
        ]
    )
    tree = {"t": "4 session(s) - peak 9\n5 session(s) - peak: 9\nhello"}

    assert find_unmapped(tree, system.endpoints[0]) == ['/t: "5 session(s) - peak: 9"']
