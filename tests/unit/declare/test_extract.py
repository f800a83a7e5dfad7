"""The built-in systems: trees become samples and faults."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.declare.extraction import Extraction
from exporter.declare.paths import ANY, BELOW
from exporter.errors import PollError, Reason
from exporter.systems import SYSTEMS
from support.declarations import as_body
from support.polling import NOW, Polls, make_target
from support.vendor import Vendor, response

PARAMS = {"serverid": "1", "query_info": "true", "match_info": "false"}


def read(system: str, tree: Any, params: Mapping[str, str] = PARAMS) -> Extraction:
    return SYSTEMS[system].endpoints[0].extract(tree, params, NOW)


def values(found: Extraction) -> dict[str, float]:
    return {
        sample.family + "".join(f" {value}" for _, value in sample.labels): sample.value
        for sample in found.samples
    }


SERVER = {"serverid": 1, "active": 1, "query_info": {"players": 3, "map": "m", "status": "s"}}


def test_without_the_query_there_are_no_query_metrics() -> None:
    found = read("clanforge", {"server": SERVER}, {**PARAMS, "query_info": "false"})

    assert not [name for name in values(found) if "query" in name or "players" in name]


def test_match_info_is_exported_only_if_the_parameter_is_set() -> None:
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


def test_exactly_one_state_is_1_for_any_value() -> None:
    for mode in ("production", "MAINTENANCE", " Production ", "read-only", 7):
        found = values(read("genesys_ucs", {"mode": mode}))

        assert sum(found.values()) == 1


def test_the_first_existing_alias_wins() -> None:
    tree = {"userSessions": None, "Users session": 5, "Users_Session": 6}

    assert values(read("webitel", tree))["webitel_user_sessions"] == 5


def test_used_memory_is_trusted_over_the_difference() -> None:
    tree = {"used_memory": 1, "allocated_memory": 64, "free_memory": 0}
    name = "genesys_ucs_jvm_memory_used_bytes"

    assert values(read("genesys_ucs", tree))[name] == 1024
    assert values(read("genesys_ucs", tree | {"used_memory": None}))[name] == 65536
    assert name not in values(read("genesys_ucs", {"allocated_memory": 64}))


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
def test_an_empty_error_does_not_fail_the_poll(answer: dict[str, Any]) -> None:
    assert read("clanforge", {**answer, "server": SERVER}).samples


async def test_the_vendors_message_is_shortened_and_made_printable(
    vendor: Vendor, poll: Polls
) -> None:
    answer = {"error": True, "error_message": "\x1b[31m" + "x" * 1000}
    vendor.answer = response(as_body(answer))
    outcome = (await poll(make_target("clanforge"))).outcome

    assert isinstance(outcome, PollError)
    assert outcome.detail.isprintable()
    assert len(outcome.detail) == 300


def test_an_answer_of_other_fields_is_bad_shape() -> None:
    with pytest.raises(PollError) as caught:
        read("genesys_ucs", {"server changed": "production"})

    assert caught.value.reason is Reason.BAD_SHAPE


def test_an_answer_in_which_nothing_can_be_read_is_bad_shape() -> None:
    with pytest.raises(PollError) as caught:
        read("genesys_ucs", {"mode": {"value": "production"}, "max_memory": "much"})

    assert str(caught.value) == "bad_shape: no field can be read: an object is not a text"


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"max_memory": 1e306}, "the number is not finite"),
        ({"allocated_memory": 1.8e305, "free_memory": 1}, "the number is not finite"),
    ],
)
def test_a_number_that_is_too_large_in_its_unit_is_a_fault(
    tree: dict[str, Any], message: str
) -> None:
    found = read("genesys_ucs", tree | {"mode": "production"})

    assert message in {fault.message for fault in found.faults}
    assert not any("used" in name or "max" in name for name in values(found))


@pytest.mark.parametrize(
    "state", [{"value": None}, {"resumeOnRestart": True}, {"value": ""}, {}, {"value": "  "}]
)
def test_a_missing_state_has_no_series_and_is_no_fault(state: dict[str, Any]) -> None:
    found = read("mdworkbench", {"state": state, "launch": {"running": 1}})

    assert not any("server_state" in name for name in values(found))
    assert found.faults == ()


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
    places = [
        [step for step in steps if step not in {ANY, BELOW}]
        for steps in SYSTEMS[system].endpoints[0].mapped_paths
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

    known = st.sampled_from([path for path in places if path])
    return st.lists(st.tuples(known, anything)).map(tree)


@pytest.mark.parametrize("system", SYSTEMS)
@given(data=st.data())
def test_any_answer_has_finite_samples_or_a_reason(system: str, data: st.DataObject) -> None:
    known = {family.name: set(family.labels) for family in SYSTEMS[system].families}
    try:
        found = read(system, data.draw(shapes(system)))
    except PollError as error:
        assert error.reason in {Reason.BAD_SHAPE, Reason.VENDOR_ERROR}  # noqa: PT017 - one of two
        return
    for family, labels, value in found.samples:
        assert value == value + 0.0  # Not NaN.
        assert abs(value) != float("inf")
        assert {name for name, _ in labels} <= known[family]
        assert all(text and text.encode() for _, text in labels)
    assert len({(family, labels) for family, labels, _ in found.samples}) == len(found.samples)
    assert "the reading failed, see the log" not in {fault.message for fault in found.faults}
