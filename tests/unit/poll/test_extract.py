"""Trees and declarations become samples and faults."""

import json
import logging
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.errors import PollError, Reason
from exporter.poll.extract import Reading, extract
from exporter.poll.pointer import make_getter
from exporter.spec import Endpoint, Gauge
from exporter.systems import SYSTEMS
from support.polling import Polls, make_target
from support.vendor import Vendor, response

PARAMS = {"serverid": "1", "query_info": "true", "match_info": "false"}


def read(system: str, tree: dict[str, Any], params: Mapping[str, str] = PARAMS) -> Reading:
    return extract(tree, SYSTEMS[system].endpoints[0], params, 1710753164.25)


def values(reading: Reading) -> dict[str, float]:
    return {
        sample.family + "".join(f" {value}" for _, value in sample.labels): sample.value
        for sample in reading.samples
    }


@pytest.mark.parametrize(
    ("pointer", "expected"),
    [
        ("", None),
        ("/a b/c", 1),
        ("/a b", {"c": 1}),
        ("/list/1", "y"),
        ("/list/2", None),
        ("/list/-1", None),
        ("/list/\u0661", None),
        ("/list/x", None),
        ("/a~1b", 2),
        ("/m~0n", 3),
        ("/null", None),
        ("/null/x", None),
        ("/a b/c/d", None),
        ("/missing", None),
    ],
)
def test_a_path_is_a_json_pointer(pointer: str, expected: Any) -> None:
    tree = {"a b": {"c": 1}, "list": ["x", "y"], "a/b": 2, "m~n": 3, "null": None}

    assert (make_getter(pointer)(tree) if pointer else None) == expected


SERVER = {"serverid": 1, "active": 1, "query_info": {"players": 3, "map": "m", "status": "s"}}


def test_without_the_query_there_is_nothing_about_it() -> None:
    reading = read("clanforge", {"server": SERVER}, {**PARAMS, "query_info": "false"})

    assert not [name for name in values(reading) if "query" in name or "players" in name]


def test_match_info_is_exported_only_where_it_is_asked_for() -> None:
    name = "clanforge_server_query_info 1 m s"

    assert name not in values(read("clanforge", {"server": SERVER}))
    assert (
        values(read("clanforge", {"server": SERVER}, {**PARAMS, "match_info": "true"}))[name] == 1
    )


@pytest.mark.parametrize("active", [0, "0", False, 0.0])
def test_a_stopped_server_has_no_players(active: Any) -> None:
    found = values(read("clanforge", {"server": {**SERVER, "active": active}}))

    assert "clanforge_server_players 1" not in found
    assert found["clanforge_server_state 1 stopped"] == 1


@pytest.mark.parametrize(
    ("active", "state"),
    [
        (1, "started"),
        (True, "started"),
        ("true", "started"),
        ("false", "stopped"),
        ("1", "started"),
        (2, "restarting"),
        (4, "restarting"),
        (10**30, "restarting"),
        (-1, "unknown"),
        (0.5, "unknown"),
    ],
)
def test_activity_is_read_in_every_type(active: Any, state: str) -> None:
    found = values(read("clanforge", {"server": {**SERVER, "active": active}}))
    states = {name: value for name, value in found.items() if "_state " in name}

    assert [name for name, value in states.items() if value] == [
        f"clanforge_server_state 1 {state}"
    ]


def test_exactly_one_state_is_1_whatever_the_vendor_says() -> None:
    for mode in ("production", "MAINTENANCE", " Production ", "read-only", 7):
        found = values(read("genesys_ucs", {"mode": mode}))

        assert sum(found.values()) == 1


def test_the_first_alias_that_is_there_wins() -> None:
    tree = {"userSessions": None, "Users session": 5, "Users_Session": 6}

    assert values(read("webitel", tree))["webitel_user_sessions"] == 5


def test_used_memory_is_trusted_over_the_difference() -> None:
    tree = {"used_memory": 1, "allocated_memory": 64, "free_memory": 0}

    assert values(read("genesys_ucs", tree))["genesys_ucs_jvm_memory_used_bytes"] == 1024


def test_a_difference_needs_both_sides() -> None:
    assert "genesys_ucs_jvm_memory_used_bytes" not in values(
        read("genesys_ucs", {"allocated_memory": 64})
    )


def test_clock_skew_is_measured_from_the_middle_of_the_poll() -> None:
    found = values(read("genesys_ucs", {"system_time": "2024-03-18T09:12:45.250Z"}))

    assert found["genesys_ucs_clock_skew_seconds"] == 1


@pytest.mark.parametrize(
    "answer",
    [
        {"error": True},
        {"error": 1, "success": True},
        {"error": "image locked"},
        {"success": False},
        {"success": 0},
        {"success": "false"},
    ],
)
def test_an_error_in_a_good_answer_fails_the_poll(answer: dict[str, Any]) -> None:
    with pytest.raises(PollError) as caught:
        read("clanforge", {**answer, "server": SERVER})

    assert caught.value.reason is Reason.VENDOR_ERROR


@pytest.mark.parametrize(
    "answer", [{"error": False}, {"error": "false"}, {"error": 0}, {"error": ""}, {"success": 1}]
)
def test_what_is_no_error_does_not_fail_it(answer: dict[str, Any]) -> None:
    assert read("clanforge", {**answer, "server": SERVER}).samples


async def test_the_vendors_message_is_shortened_and_made_printable(
    vendor: Vendor, poll: Polls
) -> None:
    answer = {"error": True, "error_message": "\x1b[31m" + "x" * 1000}
    vendor.answer = response(json.dumps(answer).encode())
    outcome = (await poll(make_target("clanforge"))).outcome

    assert isinstance(outcome, PollError)
    assert outcome.detail.isprintable()
    assert len(outcome.detail) == 300


def test_an_answer_of_other_fields_is_bad_shape() -> None:
    with pytest.raises(PollError) as caught:
        read("genesys_ucs", {"server changed": "production"})

    assert caught.value.reason is Reason.BAD_SHAPE


def test_a_reader_that_raises_costs_only_its_field(caplog: pytest.LogCaptureFixture) -> None:
    def broken(_value: Any) -> float:
        raise ZeroDivisionError

    bad = Gauge("x_bad", ("/bad",), help="Bad.")
    object.__setattr__(bad, "read", broken)
    endpoint = Endpoint(path="/", fields=(bad, Gauge("x_good", ("/good",), help="Good.")))
    with caplog.at_level(logging.ERROR):
        reading = extract({"bad": 1, "good": 2}, endpoint, {}, 0.0)

    assert values(reading) == {"x_good": 2}
    assert [fault.metric for fault in reading.faults] == ["x_bad"]
    assert "reader failed" in caplog.text


@pytest.mark.parametrize(
    "tree", [{"max_memory": 1e306}, {"allocated_memory": 1.8e305, "free_memory": 1}]
)
def test_a_number_that_is_too_large_in_its_unit_is_a_fault(tree: dict[str, Any]) -> None:
    reading = read("genesys_ucs", tree)

    assert "the number is too large" in {fault.message for fault in reading.faults}
    assert not any("used" in name or "max" in name for name in values(reading))


def test_a_status_text_that_is_no_status_is_not_searched() -> None:
    reading = read("webitel", {"freeSWITCH": "UP 1 second\n" * 100_000})

    assert reading.samples == ()
    assert [fault.message for fault in reading.faults] == [
        "a status text of 1200000 characters is no status"
    ]


@pytest.mark.parametrize(
    "state", [{"value": None}, {"resumeOnRestart": True}, {"value": ""}, {}, {"value": "  "}]
)
def test_a_state_that_is_not_said_has_no_series_and_is_no_fault(state: dict[str, Any]) -> None:
    reading = read("mdworkbench", {"state": state, "launch": {"running": 1}})

    assert not any("server_state" in name for name in values(reading))
    assert reading.faults == ()


@pytest.mark.parametrize("uuid", ["", None, False, 0, "0"])
def test_a_server_without_an_allocation_is_not_allocated(uuid: Any) -> None:
    found = values(read("clanforge", {"server": {**SERVER, "allocated_uuid": uuid}}))

    assert found["clanforge_server_allocated 1"] == 0


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


def shapes(system: str) -> st.SearchStrategy[dict[str, Any]]:
    """Make trees whose keys are the system's own and whose values are anything at all."""
    paths = [
        pointer.split("/")[1:]
        for family in SYSTEMS[system].families
        for part in family.source.replace(" > ", " or ").split(" or ")
        for pointer in [part.rpartition(": ")[2].split(", ")[0].split(" - ")[0]]
        if pointer.startswith("/")
    ]

    def tree(picked: list[tuple[list[str], Any]]) -> dict[str, Any]:
        root: dict[str, Any] = {}
        for path, value in picked:
            node = root
            for step in path[:-1]:
                inner = node.setdefault(step, {})
                node = inner if isinstance(inner, dict) else {}
            node[path[-1]] = value
        return root

    return st.lists(st.tuples(st.sampled_from(paths), anything)).map(tree)


@pytest.mark.parametrize("system", SYSTEMS)
@given(data=st.data())
def test_any_answer_gives_finite_samples_or_a_reason(system: str, data: st.DataObject) -> None:
    known = {family.name: set(family.labels) for family in SYSTEMS[system].families}
    try:
        reading = read(system, data.draw(shapes(system)))
    except PollError as error:
        assert error.reason in {Reason.BAD_SHAPE, Reason.VENDOR_ERROR}  # noqa: PT017 - one of two
        return
    for family, labels, value in reading.samples:
        assert value == value + 0.0  # Not NaN.
        assert abs(value) != float("inf")
        assert {name for name, _ in labels} <= known[family]
        assert all(text and text.encode() for _, text in labels)
    assert len({(family, labels) for family, labels, _ in reading.samples}) == len(reading.samples)
