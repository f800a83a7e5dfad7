"""Lists in answers: what is read of each item, what is counted, merged, left out and dropped."""

import gc
import json
import threading
import weakref
from dataclasses import replace
from typing import Any

import pytest

from exporter.errors import PollError, Reason, SpecError
from exporter.poll.extract import Reading, extract
from exporter.poll.untaken import untaken
from exporter.readers import count, iso_time
from exporter.spec import KEY, Count, Each, Endpoint, Field, Gauge, Info, Part, States, System
from exporter.systems import SYSTEMS
from support.polling import NOW, Polls, make_target
from support.vendor import Vendor, response

CALLS = Gauge("pbx_calls", ("/calls",), help="Calls.", read=count)


def read(tree: Any, *fields: Field) -> Reading:
    endpoint = Endpoint(path="/", fields=fields)
    System(name="pbx", title="P", url_help="p", endpoints=(endpoint,))
    return extract(tree, endpoint, {}, NOW)


def series(reading: Reading) -> dict[str, float]:
    found = {}
    for one in reading.samples:
        labels = ",".join(f"{name}={value}" for name, value in one.labels)
        assert f"{one.family}{{{labels}}}" not in found
        found[f"{one.family}{{{labels}}}"] = one.value
    return found


def test_every_item_of_a_list_has_its_labels() -> None:
    reading = read(
        {"lines": [{"id": "a", "calls": 1}, {"id": 7, "calls": "2"}]},
        Each("/lines", labels={"line": ("/id",)}, fields=(CALLS,)),
    )

    assert series(reading) == {"pbx_calls{line=a}": 1.0, "pbx_calls{line=7}": 2.0}


def test_a_key_or_a_place_can_be_a_label() -> None:
    field = Each("/lines", labels={"line": (KEY,)}, fields=(CALLS,))

    assert series(read({"lines": {"x": {"calls": 1}, "y": {"calls": 2}}}, field)) == {
        "pbx_calls{line=x}": 1.0,
        "pbx_calls{line=y}": 2.0,
    }
    assert series(read({"lines": [{"calls": 1}, {"calls": 2}]}, field)) == {
        "pbx_calls{line=0}": 1.0,
        "pbx_calls{line=1}": 2.0,
    }


def test_lists_stand_in_lists() -> None:
    tree = {
        "hubs": {
            "h": {"lines": [{"id": "a", "calls": 1}, {"id": "b", "calls": 2}]},
            "i": {"lines": [{"id": "a", "calls": 3}]},
        }
    }
    inner = Each("/lines", labels={"line": ("/id",)}, fields=(CALLS,))
    reading = read(tree, Each("/hubs", labels={"hub": (KEY,)}, fields=(inner,)))

    assert series(reading) == {
        "pbx_calls{hub=h,line=a}": 1.0,
        "pbx_calls{hub=h,line=b}": 2.0,
        "pbx_calls{hub=i,line=a}": 3.0,
    }


def test_what_comes_after_a_list_has_none_of_its_labels() -> None:
    total = Gauge("pbx_trunks", ("/trunks",), help="Trunks.")
    reading = read(
        {"lines": [{"id": "a", "calls": 1}], "trunks": 4},
        Each("/lines", labels={"line": ("/id",)}, fields=(CALLS,)),
        total,
    )

    assert series(reading)["pbx_trunks{}"] == 4.0


def test_a_reader_that_breaks_leaves_no_labels_behind() -> None:
    def broken(_: Any) -> float:
        raise RuntimeError

    fields = (
        Each(
            "/l", labels={"line": ("/id",)}, fields=(Gauge("a", ("/id",), help="A.", read=broken),)
        ),
        Gauge("pbx_trunks", ("/trunks",), help="Trunks."),
    )
    reading = extract({"l": [{"id": 1}], "trunks": 4}, Endpoint(path="/", fields=fields), {}, NOW)

    assert series(reading) == {"pbx_trunks{}": 4.0}


def test_a_bad_item_costs_itself_alone() -> None:
    tree = {"lines": [{"id": "a", "calls": "many"}, {"id": "b", "calls": 2}, None, 7, []]}
    reading = read(tree, Each("/lines", labels={"line": ("/id",)}, fields=(CALLS,)))

    assert series(reading) == {"pbx_calls{line=b}": 2.0}
    assert [fault.metric for fault in reading.faults] == ["pbx_calls"]


def test_faults_of_many_items_are_bounded() -> None:
    tree = {"lines": [{"calls": "many"}] * 500}

    assert len(read(tree, Each("/lines", fields=(CALLS,))).faults) == 100


def test_what_is_no_list_is_a_fault() -> None:
    reading = read({"lines": 7}, Each("/lines", fields=(CALLS,)))

    assert [(one.metric, one.message) for one in reading.faults] == [
        ("pbx_calls", "7 is neither a list nor an object")
    ]


@pytest.mark.parametrize(("number", "dropped"), [(3, 0), (4, 1), (1000, 997)])
def test_items_beyond_the_most_are_dropped_and_counted(number: int, dropped: int) -> None:
    tree = {"lines": [{"id": at, "calls": 1} for at in range(number)]}
    reading = read(tree, Each("/lines", labels={"line": ("/id",)}, fields=(CALLS,), most=3))

    assert len(reading.samples) == 3
    assert reading.dropped_items == dropped


def test_items_are_counted_by_their_labels() -> None:
    tree = [{"s": "up"}, {"s": "down"}, {"s": "up"}]
    by_state = Each("", labels={"state": ("/s",)}, fields=(Count("pbx_lines", help="Lines."),))

    assert series(read(tree, by_state)) == {"pbx_lines{state=up}": 2.0, "pbx_lines{state=down}": 1}
    assert series(read([], Each("", fields=(Count("pbx_lines", help="Lines."),)))) == {
        "pbx_lines{}": 0.0
    }


@pytest.mark.parametrize(("merge", "expected"), [("sum", 6.0), ("least", 1.0), ("most", 3.0)])
def test_items_of_one_series_are_merged(merge: Any, expected: float) -> None:
    field = Gauge("pbx_calls", ("/calls",), help="Calls.", merge=merge)
    tree = [{"calls": 2}, {"calls": 1}, {}, {"calls": "x"}, {"calls": 3}]

    assert series(read(tree, Each("", fields=(field,)))) == {"pbx_calls{}": expected}


def test_only_items_that_meet_the_condition_are_taken() -> None:
    tree = [{"s": "UP", "calls": 1}, {"s": "down", "calls": 2}, {"calls": 3}, {"s": {}, "calls": 4}]
    field = Gauge("pbx_calls", ("/calls",), help="Calls.", merge="sum")

    assert series(read(tree, Each("", fields=(field,), where=("/s", "up")))) == {"pbx_calls{}": 1.0}


def test_states_info_and_objects_stand_in_items() -> None:
    tree = {"lines": [{"id": "a", "s": "up", "v": "1.2", "part": {"calls": 3}}]}
    reading = read(
        tree,
        Each(
            "/lines",
            labels={"line": ("/id",)},
            fields=(
                States("pbx_state", ("/s",), help="State.", states=("up",)),
                Info("pbx_line_info", {"version": ("/v",)}, help="Version."),
                Part(
                    "pbx_part_up",
                    "/part",
                    help="Part.",
                    fields=(CALLS,),
                    error="/error",
                    silent=("/none", 0),
                ),
            ),
        ),
    )

    assert series(reading) == {
        "pbx_state{line=a,state=up}": 1.0,
        "pbx_state{line=a,state=unknown}": 0.0,
        "pbx_line_info{line=a,version=1.2}": 1.0,
        "pbx_part_up{line=a}": 1.0,
        "pbx_calls{line=a}": 3.0,
    }


def test_an_each_without_fields_is_refused() -> None:
    with pytest.raises(SpecError, match="there are no fields for its items"):
        read({}, Each("/lines", fields=()))


QUEUE = b"""[
 {"service": "export", "state": "running", "requestTime": "2024-03-18T09:00:00Z",
  "startTime": "2024-03-18T09:00:02Z"},
 {"service": "sync", "state": "waiting", "requestTime": "2024-03-18T09:01:30Z"},
 {"service": "sync", "state": "waiting", "requestTime": "2024-03-18T09:01:10Z"},
 {"service": "sync", "state": "canceled", "requestTime": "2024-03-18T08:00:00Z"}
]"""


async def test_mdworkbench_tells_of_its_queue_where_it_is_asked_to(
    vendor: Vendor, poll: Polls
) -> None:
    endpoint = SYSTEMS["mdworkbench"].endpoints[1]
    vendor.answer = response(b'{"state":{"value":"active"}}')
    await poll(make_target("mdworkbench"))
    off = len(vendor.requests)
    await poll(make_target("mdworkbench", params={"launch_queue": "true"}))

    reading = extract(json.loads(QUEUE), endpoint, {}, NOW)

    assert off == 1
    assert [one.split(" ")[1] for one in vendor.requests[1:]] == [
        "/mdworkbench/server/state",
        "/mdworkbench/launch",
    ]
    assert series(reading) == {
        "mdworkbench_service_launches{service=export,state=running}": 1.0,
        "mdworkbench_service_launches{service=sync,state=waiting}": 2.0,
        "mdworkbench_service_launches{service=sync,state=canceled}": 1.0,
        "mdworkbench_launch_oldest_waiting_request_timestamp_seconds{}": iso_time(
            "2024-03-18T09:01:10Z"
        ),
        "mdworkbench_launch_oldest_running_start_timestamp_seconds{}": iso_time(
            "2024-03-18T09:00:02Z"
        ),
    }


async def test_a_series_cap_holds_and_is_counted(vendor: Vendor, poll: Polls) -> None:
    servers = ",".join(f'{{"serverid":{at},"active":1,"admin_locked":0}}' for at in range(100))
    vendor.answer = response(f'{{"servers":[{servers}]}}'.encode())

    target = replace(make_target("clanforge_fleet"), max_series=50)
    outcome = (await poll(target)).outcome

    assert isinstance(outcome, Reading)
    assert len(outcome.samples) == 50
    assert outcome.dropped_series > 100


async def test_a_large_answer_is_read_beside_the_event_loop(vendor: Vendor, poll: Polls) -> None:
    threads = []

    def where(value: Any) -> float:
        threads.append(threading.current_thread() is threading.main_thread())
        return float(value)

    endpoint = Endpoint(path="/", fields=(Gauge("pbx_calls", ("/calls",), help="C.", read=where),))
    target = make_target()
    system = replace(target.system, endpoints=(), actions=())
    object.__setattr__(system, "endpoints", (endpoint,))
    for padding in (0, 100_000):
        vendor.answer = response(f'{{"calls": 7, "more": "{"x" * padding}"}}'.encode())
        outcome = (await poll(replace(target, system=system))).outcome
        assert isinstance(outcome, Reading), outcome

    assert threads == [True, False]


async def test_a_large_answer_that_is_wrong_is_a_failure_like_any_other(
    vendor: Vendor, poll: Polls
) -> None:
    vendor.answer = response(b'{"more": "' + b"x" * 100_000)
    outcome = (await poll(make_target())).outcome

    assert isinstance(outcome, PollError)
    assert outcome.reason is Reason.BAD_JSON


def test_declarations_that_are_no_more_are_forgotten() -> None:
    def use(number: int) -> weakref.ref[Endpoint]:
        endpoint = Endpoint(path=f"/{number}", fields=(CALLS,))
        extract({"calls": 1}, endpoint, {}, NOW)
        untaken({"calls": 1}, endpoint)
        return weakref.ref(endpoint)

    refs = [use(number) for number in range(2000)]
    gc.collect()

    assert refs[0]() is None
