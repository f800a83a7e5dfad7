"""Lists: items are read, counted, merged, skipped by conditions, and dropped beyond the limit."""

import gc
import weakref
from typing import Any

import pytest

from exporter.declare import readings
from exporter.declare.unmapped import find_unmapped
from exporter.systems import SYSTEMS
from support.declarations import declared, extracted, faults_of, given, read, written
from support.polling import Polls, make_target
from support.vendor import Vendor, response

CALLS = {"gauge": "s_calls", "path": "/calls"}
LINES = {"each": "/lines", "labels": {"line": "/id"}, "fields": [CALLS]}


def each(path: Any = "", *fields: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"each": path, "fields": list(fields) or [CALLS], **more}


def test_every_item_of_a_list_has_its_labels() -> None:
    tree = {"lines": [{"id": "a", "calls": 1}, {"id": 7, "calls": "2"}]}

    assert given(LINES, tree) == ['s_calls{line="a"} 1', 's_calls{line="7"} 2']


def test_a_key_or_an_index_can_be_a_label() -> None:
    field = each("/lines", labels={"line": "@key"})

    assert given(field, {"lines": {"x": {"calls": 1}, "y": {"calls": 2}}}) == [
        's_calls{line="x"} 1',
        's_calls{line="y"} 2',
    ]
    assert given(field, {"lines": [{"calls": 1}, {"calls": 2}]}) == [
        's_calls{line="0"} 1',
        's_calls{line="1"} 2',
    ]


def test_a_key_can_be_the_value() -> None:
    field = each("/load", {"gauge": "s_cpu", "path": "@key"}, labels={"at": "/at"})

    assert given(field, {"load": {"3": {"at": "a"}}}) == ['s_cpu{at="a"} 3']


def test_lists_are_within_lists() -> None:
    tree = {
        "hubs": {
            "h": {"lines": [{"id": "a", "calls": 1}, {"id": "b", "calls": 2}]},
            "i": {"lines": [{"id": "a", "calls": 3}]},
        }
    }
    outer = each("/hubs", LINES, {"gauge": "s_v", "path": "/none"}, labels={"hub": "@key"})

    assert given(outer, tree) == [
        's_calls{hub="h",line="a"} 1',
        's_calls{hub="h",line="b"} 2',
        's_calls{hub="i",line="a"} 3',
    ]


def test_a_key_is_that_of_the_nearest_each() -> None:
    inner = each("/in", {"gauge": "s_v", "path": ""}, labels={"inner": "@key"})
    after = {"gauge": "s_w", "path": "@key"}

    assert given(
        each("/out", inner, after, labels={"outer": "@key"}), {"out": {"1": {"in": {"b": 5}}}}
    ) == ['s_v{outer="1",inner="b"} 5', 's_w{outer="1"} 1']


def test_fields_after_a_list_have_none_of_its_labels() -> None:
    fields = [LINES, {"gauge": "s_trunks", "path": "/trunks"}]

    assert given(fields, {"lines": [{"id": "a", "calls": 1}], "trunks": 4}) == [
        's_calls{line="a"} 1',
        "s_trunks 4",
    ]


@pytest.mark.parametrize(
    ("query", "tree", "expected"),
    [
        ("lines[?up]", {"lines": [{"up": True, "calls": 1}, {"calls": 2}]}, ['s_calls{n="0"} 1']),
        ("hubs.*.lines[]", {"hubs": {"a": {"lines": [{"calls": 1}]}}}, ['s_calls{n="0"} 1']),
        ("{a: @, b: @}", {"calls": 7}, ['s_calls{n="a"} 7', 's_calls{n="b"} 7']),
        ("gone[0]", {"lines": []}, []),
        ("calls", {"calls": 7}, ["s_calls! 7 is neither a list nor an object"]),
    ],
)
def test_a_query_selects_the_items(query: str, tree: Any, expected: list[str]) -> None:
    assert given(each({"query": query}, labels={"n": "@key"}), tree) == expected


def test_a_bad_item_affects_only_itself() -> None:
    tree = {"lines": [{"id": "a", "calls": "many"}, {"id": "b", "calls": 2}, None, 7, []]}

    assert given(LINES, tree) == [
        's_calls{line="b"} 2',
        's_calls! "many" is not a number',
        *["s_calls! label line: there is no value for it"] * 3,
    ]


def test_faults_of_many_items_are_bounded() -> None:
    assert len(read([each("/lines")], {"lines": [{"calls": "many"}] * 500}).faults) == 100


@pytest.mark.parametrize(
    ("only", "value", "expected"),
    [
        (None, 7, ["s_calls! 7 is neither a list nor an object"]),
        (None, "x", ['s_calls! "x" is neither a list nor an object']),
        (None, None, []),
        (None, [], []),
        (None, {}, []),
        ("list", [{"calls": 1}], ["s_calls 1"]),
        ("list", {"a": {"calls": 1}}, []),
        ("list", 7, ["s_calls! 7 is neither a list nor an object"]),
        ("object", [{"calls": 1}], []),
        ("object", {"a": {"calls": 1}}, ["s_calls 1"]),
    ],
)
def test_only_a_list_or_object_is_read(only: str | None, value: Any, expected: list[str]) -> None:
    assert given(each("/l", **({"only": only} if only else {})), {"l": value}) == expected


@pytest.mark.parametrize(("number", "dropped"), [(3, 0), (4, 1), (1000, 997)])
@pytest.mark.parametrize("kind", [list, dict])
def test_items_beyond_the_limit_are_dropped_and_counted(
    number: int, dropped: int, kind: type
) -> None:
    items = {str(at): {"id": at, "calls": 1} for at in range(number)}
    found = read([LINES | {"limit": 3}], {"lines": items if kind is dict else [*items.values()]})

    assert written(found) == [f's_calls{{line="{at}"}} 1' for at in range(3)]
    assert found.dropped_items == dropped


def test_a_thousand_items_are_read_unless_declared_otherwise() -> None:
    found = read([LINES], {"lines": [{"id": at, "calls": 1} for at in range(1001)]})

    assert (len(found.samples), found.dropped_items) == (1000, 1)


def test_the_limit_counts_items_that_do_not_meet_the_condition() -> None:
    field = LINES | {"limit": 2, "where": {"path": "/calls", "above": 1}}
    found = read([field], {"lines": [{"id": at, "calls": at} for at in range(4)]})

    assert (found.samples, found.dropped_items) == ((), 2)


def test_items_are_counted_by_their_labels() -> None:
    tree = [{"s": "up"}, {"s": "down"}, {"s": "up"}]
    by_group = each("", {"count": "s_lines"}, labels={"state": "/s"})
    by_field = each("", {"count": "s_lines", "labels": {"state": "/s"}})

    for field in (by_group, by_field):
        assert given(field, tree) == ['s_lines{state="up"} 2', 's_lines{state="down"} 1']
        assert given(field, []) == []


@pytest.mark.parametrize(("tree", "expected"), [([1, 2], "2"), ([1, 5], "1"), ([], "0")])
def test_a_count_without_labels_is_0_where_nothing_is_counted(tree: Any, expected: str) -> None:
    field = each("", {"count": "s_lines", "where": {"path": "", "below": 3}})

    assert given(field, tree) == [f"s_lines {expected}"]


def test_a_count_of_a_missing_list_is_missing() -> None:
    assert given(each("/l", {"count": "s_lines"}), {}) == []


@pytest.mark.parametrize(("merge", "expected"), [("sum", "6"), ("min", "1"), ("max", "3")])
def test_items_of_one_series_are_merged(merge: str, expected: str) -> None:
    tree = [{"calls": 2}, {"calls": 1}, {}, {"calls": "x"}, {"calls": 3}]

    assert given(each("", CALLS | {"merge": merge}), tree) == [
        f"s_calls {expected}",
        's_calls! "x" is not a number',
    ]


def test_only_items_with_equal_labels_are_merged() -> None:
    sum_ = CALLS | {"merge": "sum", "labels": {"kind": "/kind"}}
    other = {"gauge": "s_id", "path": "/id", "labels": {"id": "/id"}}
    tree = [{"id": at, "kind": "ab"[at % 2], "calls": at} for at in range(4)]

    assert given(each("", sum_, other), tree) == [
        *(f's_id{{id="{at}"}} {at}' for at in range(4)),
        's_calls{kind="a"} 2',
        's_calls{kind="b"} 4',
    ]


@pytest.mark.parametrize(
    ("merge", "expected"), [("sum", "s_calls 10"), ("min", "s_calls 1"), ("max", "s_calls 4")]
)
def test_merged_items_of_an_inner_list_are_one_series(merge: str, expected: str) -> None:
    inner = each("/lines", CALLS | {"merge": merge}, {"count": "s_lines"})
    tree = [{"lines": [{"calls": 1}, {"calls": 2}]}, {"lines": [{"calls": 3}, {"calls": 4}]}]

    assert sorted(given(each("", inner), tree)) == [expected, "s_lines 4"]


def test_items_are_merged_within_their_object() -> None:
    inner = {"within": "/load", "fields": [CALLS | {"merge": "max"}]}

    assert given(each("", inner), [{"load": {"calls": 2}}, {"load": {"calls": 5}}, {}]) == [
        "s_calls 5"
    ]


def test_only_items_that_meet_the_condition_are_read() -> None:
    tree = [{"s": "UP", "calls": 1}, {"s": "down", "calls": 2}, {"calls": 3}, {"s": {}, "calls": 4}]
    field = each("", CALLS | {"merge": "sum"}, where={"path": "/s", "is": "up"})

    assert given(field, tree) == ["s_calls 1"]


def test_states_info_and_objects_are_within_items() -> None:
    tree = {"lines": [{"id": "a", "s": "up", "v": "1.2", "part": {"calls": 3}}]}
    fields = [
        {"states": "s_state", "path": "/s", "known": ["up"]},
        {"info": "s_line_info", "labels": {"version": "/v"}},
        {"within": "/part", "present": "s_part_up", "fields": [CALLS]},
    ]

    assert given(LINES | {"fields": fields}, tree) == [
        's_state{line="a",state="up"} 1',
        's_state{line="a",state="unknown"} 0',
        's_line_info{line="a",version="1.2"} 1',
        's_part_up{line="a"} 1',
        's_calls{line="a"} 3',
    ]


@pytest.mark.parametrize(
    ("field", "faults"),
    [
        ({"each": "/l", "fields": []}, ["fields: must not be empty"]),
        ({"each": "/l"}, ["fields: this key is required"]),
        ({"each": "l", "fields": [CALLS]}, ['each: a path begins with /, such as "/queue/length"']),
        ({"each": {}, "fields": [CALLS]}, ["each.query: this key is required"]),
        (
            {"each": {"queri": "l"}, "fields": [CALLS]},
            [
                'each.queri: unknown key; did you mean "query"?',
                "each.query: this key is required",
            ],
        ),
        (LINES | {"limit": 0}, ["limit: must be 1 or more"]),
        (LINES | {"limit": 10_001}, ["limit: must be 10000 or less"]),
        (LINES | {"only": "text"}, ["only: must be 'list' or 'object'"]),
    ],
)
def test_an_each_that_cannot_work_is_refused(field: Any, faults: list[str]) -> None:
    found = [one.removeprefix("endpoints[0].fields[0].") for one in faults_of([field])]

    assert [one.partition('; ""')[0] for one in found] == faults


def test_an_exception_in_a_reader_leaves_no_labels_behind(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(value: Any) -> float:
        raise ZeroDivisionError(value)

    monkeypatch.setitem(readings._NUMBER_TABLE, "flag", (fail, ""))
    broken = {"gauge": "s_calls", "path": "/id", "read": "flag"}
    fields = [LINES | {"fields": [broken]}, {"gauge": "s_trunks", "path": "/trunks"}]

    assert given(fields, {"lines": [{"id": 1}], "trunks": 4}) == [
        "s_trunks 4",
        "s_calls! the reading failed, see the log",
    ]
    assert "reading failed" in caplog.text


QUEUE = [
    {
        "service": "export",
        "state": "running",
        "requestTime": "2024-03-18T09:00:00Z",
        "startTime": "2024-03-18T09:00:02Z",
    },
    {"service": "sync", "state": "waiting", "requestTime": "2024-03-18T09:01:30Z"},
    {"service": "sync", "state": "waiting", "requestTime": "2024-03-18T09:01:10Z"},
    {"service": "sync", "state": "canceled", "requestTime": "2024-03-18T08:00:00Z"},
]


async def test_mdworkbench_reports_its_queue_if_the_parameter_is_set(
    vendor: Vendor, poll: Polls
) -> None:
    vendor.answer = response(b'{"state":{"value":"active"}}')
    await poll(make_target("mdworkbench"))
    off = len(vendor.requests)
    await poll(make_target("mdworkbench", params={"launch_queue": "true"}))

    assert off == 1
    assert [one.split(" ")[1] for one in vendor.requests[1:]] == [
        "/mdworkbench/server/state",
        "/mdworkbench/launch",
    ]
    assert sorted(written(SYSTEMS["mdworkbench"].endpoints[1].extract(QUEUE, {}, 0.0))) == [
        "mdworkbench_launch_oldest_running_start_timestamp_seconds 1710752402",
        "mdworkbench_launch_oldest_waiting_request_timestamp_seconds 1710752470",
        'mdworkbench_service_launches{service="export",state="running"} 1',
        'mdworkbench_service_launches{service="sync",state="canceled"} 1',
        'mdworkbench_service_launches{service="sync",state="waiting"} 2',
    ]


def test_unused_systems_are_freed() -> None:
    def use(number: int) -> weakref.ref[Any]:
        system = declared([LINES], path=f"/{number}")
        extracted(system, b'{"lines": []}')
        find_unmapped({"lines": [{"new": 1}]}, system.endpoints[0])
        return weakref.ref(system.endpoints[0])

    refs = [use(number) for number in range(1100)]
    gc.collect()

    assert refs[0]() is None
