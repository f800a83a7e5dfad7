"""Reading items one by one has the same result as reading the whole answer."""

import gc
from copy import deepcopy
from random import Random
from typing import Any

import pytest

from exporter.declare import last_answer, shapes
from exporter.declare.extraction import Extraction
from exporter.declare.list_items import ItemList
from exporter.declare.system import System
from exporter.http.answer import Answer
from exporter.pipeline.read import EndpointReader
from support.declarations import declared, system_of
from support.last_answers import as_json, learned, whole
from support.polling import NOW

SERVER: list[dict[str, Any]] = [
    {"info": "s_server_info", "labels": {"name": "/name"}},
    {"states": "s_server_state", "path": "/state", "codes": {0: "off", 1: "on"}},
    {"gauge": "s_server_players", "path": "/query/players"},
    {"gauge": "s_server_index", "path": "@key", "where": {"path": "/state", "is": 1}},
    {"gauge": "s_server_key", "path": ["@key", "/query/players"]},
    {"gauge": "s_server_first", "path": ["/none", "/query/players", "/state"]},
    {"gauge": "s_server_free", "path": [{"of": "/query/max", "less": "/query/players"}, "/state"]},
    {"each": "/disks", "labels": {"disk": "@key"}, "fields": [{"gauge": "s_disk", "path": ""}]},
]
FIELDS: list[dict[str, Any]] = [
    {"gauge": "s_before", "path": "/before"},
    {"each": "/servers", "labels": {"id": "/id"}, "fields": SERVER},
    {"gauge": "s_between", "path": "/between"},
    {"within": "/more", "fields": [{"each": "/queues", "fields": [
        {"gauge": "s_queue", "path": "/length", "labels": {"queue": "/name"}},
    ]}]},
    {"gauge": "s_after", "path": "/after"},
]  # fmt: skip


def server(number: int, **more: Any) -> dict[str, Any]:
    return {
        "id": f"s{number}",
        "name": "x",
        "state": 1,
        "query": {"players": number, "max": 9},
        **more,
    }


ANSWER: dict[str, Any] = {
    "before": 1,
    "servers": [server(0), server(1), server(2, disks=[5, 6]), {"id": "s3"}],
    "between": 2,
    "more": {"queues": [{"name": "a", "length": 1}, {"name": "b", "length": 2}]},
    "after": 3,
}


def changed(servers: Any, **more: Any) -> dict[str, Any]:
    return {**deepcopy(ANSWER), "servers": servers, **more}


SERVERS = ANSWER["servers"]
READ = {
    "nothing": ANSWER,
    "a number": changed([server(0, query={"players": 9}), *SERVERS[1:]]),
    "numbers around": {**ANSWER, "before": 7, "between": 8, "after": 9},
    "a state": changed([server(0, state=0), *SERVERS[1:]]),
    "a label": changed([server(0, name="y"), *SERVERS[1:]]),
    "a missing value": changed([server(0, query=None), *SERVERS[1:]]),
    "another type": changed([server(0, query={"players": "9"}), *SERVERS[1:]]),
    "an inner list": changed([*SERVERS[:2], server(2, disks=[5, 7, 8])]),
    "an item more": changed([*SERVERS, server(4)]),
    "an item less": changed(SERVERS[:2]),
    "another order": changed(SERVERS[::-1]),
    "an unreadable value": changed([server(0, state="?"), *SERVERS[1:]]),
    "an item without its label": changed([{"state": 1}, *SERVERS[1:]]),
    "an item that is no object": changed([1, *SERVERS[1:]]),
    "the other list": {**ANSWER, "more": {"queues": [{"name": "b", "length": 4}]}},
}


@pytest.mark.parametrize("answer", READ.values(), ids=READ)
def test_items_are_read_one_by_one(answer: dict[str, Any]) -> None:
    system, last = learned(FIELDS, ANSWER)
    assert last is not None

    assert last.read(as_json(answer), NOW) == whole(system, answer)
    assert last.read(as_json(ANSWER), NOW) == whole(system, ANSWER)


def test_items_with_faults_are_learned() -> None:
    answer = changed([server(0, state="?"), server(1)])
    system, last = learned(FIELDS, answer)
    assert last is not None

    for players in (1, 2):
        answer["servers"][1]["query"] = {"players": players}
        found = last.read(as_json(answer), NOW)
        assert found == whole(system, answer)
        assert found.faults


def test_series_that_did_not_change_are_the_same_object() -> None:
    _, last = learned(FIELDS, ANSWER)
    assert last is not None
    before = last.extraction.series

    # The state is read whole, with the item.
    found = last.read(as_json(changed([server(0, state=1.0), *SERVERS[1:]])), NOW)
    assert found is not None
    assert found.series is before
    found = last.read(as_json(changed(SERVERS[1:])), NOW)
    assert found is not None
    assert found.series != before


def test_the_answer_itself_may_be_a_list() -> None:
    fields = [{"each": "", "labels": {"id": "/id"}, "fields": SERVER}]
    system, last = learned(fields, SERVERS)
    assert last is not None

    for answer in ([server(0, state=0), *SERVERS[1:]], SERVERS[:2]):
        assert last.read(as_json(answer), NOW) == whole(system, answer)
    assert last.read(as_json({"servers": SERVERS}), NOW) is None


def test_random_changes_are_read_as_the_whole_answer_is() -> None:
    chance = Random(7)
    system, last = learned(FIELDS, ANSWER)
    assert last is not None
    answer = deepcopy(ANSWER)
    for _ in range(500):
        servers = answer["servers"]
        match chance.randrange(6):
            case 0:
                servers.insert(chance.randint(0, len(servers)), server(chance.randrange(9)))
            case 1 if len(servers) > 1:
                servers.pop(chance.randrange(len(servers)))
            case 2:
                chance.choice(servers)["state"] = chance.choice([0, 1, 2, "1", "?", None])
            case 3:
                chance.choice(answer["more"]["queues"])["length"] = chance.randrange(5)
            case _:
                chance.choice(servers)["query"] = {"players": chance.randrange(99)}
        assert last.read(as_json(answer), NOW) == whole(system, answer)


DEEP: Any = []
for _ in range(70):
    DEEP = [DEEP]
BODY = as_json(ANSWER)
DOUBTS = {
    "more items than the limit": as_json(changed([server(n) for n in range(1001)])),
    "no list": as_json(changed({"a": server(0)})),
    "null": as_json(changed(None)),
    "an item that is nested too deep": as_json(changed([server(0, more=DEEP)])),
    "a list that is nested far too deep": BODY.replace(b'"servers": [', b'"servers": [' + b"[" * 9999),
    "a malformed item": BODY.replace(b'"id": "s1"', b'"id": s1'),
    "no UTF-8": BODY.replace(b'"id": "s1"', b'"id": "\xff"'),
}  # fmt: skip


@pytest.mark.parametrize("body", DOUBTS.values(), ids=DOUBTS)
def test_in_doubt_the_whole_answer_is_read(body: bytes) -> None:
    system, last = learned(FIELDS, ANSWER)
    assert last is not None

    assert last.read(body, NOW) is None
    assert last.read(BODY, NOW) == whole(system, ANSWER)


EACH: dict[str, Any] = {"each": "/l", "labels": {"id": "/id"}, "fields": [{"gauge": "s_v", "path": "/v"}]}  # fmt: skip
CONDITIONS: dict[str, dict[str, Any]] = {
    "where": {"where": {"path": "/w", "is": 1}},
    "unless": {"unless": {"path": "/w", "is": 2}},
    "refusal": {"refusal": {"error": "/error"}},
}
NOT_LEARNED: dict[str, list[dict[str, Any]]] = {
    "items are counted": [{"each": "/l", "fields": [{"count": "s_items"}]}],
    "items are merged": [{"each": "/l", "fields": [{"gauge": "s_v", "path": "/v", "merge": "sum"}]}],
    "items depend on the time": [
        {**EACH, "fields": [{"gauge": "s_v", "path": {"of": "@poll_time", "less": "/v"}}]}
    ],
    "one item is read by another field": [EACH, {"gauge": "s_first", "path": "/l/0/v"}],
    "two fields read the items": [EACH, {**EACH, "fields": [{"gauge": "s_w", "path": "/v"}]}],
    "a query reads the items": [EACH, {"gauge": "s_sum", "query": "sum(l[].v)"}],
    "the items are selected": [{**EACH, "each": {"query": "l"}}],
    "groups around it have labels": [
        {"within": "", "labels": {"w": "/w"}, "fields": [EACH]},
    ],
    "the samples are elsewhere, too": [EACH, {"gauge": "s_v", "path": "/w", "labels": {"id": "w"}}],
    "the items are not read": [{**EACH, "only": "object"}, {"gauge": "s_w", "path": "/w"}],
    "nothing shows that the items are read": [
        {"within": "", "unless": {"path": "/w", "is": 1}, "fields": [
            {**EACH, "where": {"path": "/v", "above": 5}}, {"gauge": "s_w", "path": "/w"},
        ]},
        {"gauge": "s_x", "path": "/w"},
    ],
    "items are dropped": [{**EACH, "limit": 1}],
    **{
        f"the items are read under a condition, {name}": [{"within": "", "fields": [EACH]} | condition]
        for name, condition in CONDITIONS.items()
    },
}  # fmt: skip


@pytest.mark.parametrize("fields", NOT_LEARNED.values(), ids=NOT_LEARNED)
def test_items_that_are_not_independent_are_read_with_the_whole_answer(
    fields: list[dict[str, Any]],
) -> None:
    answer = {"w": 1, "l": [{"id": "a", "v": 1}, {"id": "b", "v": 2}]}

    assert learned(fields, answer)[1] is None


@pytest.mark.parametrize(
    "condition",
    [{"where": {"path": "/w", "is": 2}}, {"unless": {"path": "/w", "is": 1}},
     {"refusal": {"where": {"path": "/w", "is": 1}}}],
    ids=["where", "unless", "refusal"],
)  # fmt: skip
def test_items_that_a_condition_excludes_are_never_read(condition: dict[str, Any]) -> None:
    # Samples of the same metric elsewhere do not show that these items are read.
    other = {**EACH, "each": "/other"}
    fields: list[dict[str, Any]] = [other, {"within": "", "fields": [EACH], **condition}]
    answer = {"w": 1, "other": [{"id": "a", "v": 1}], "l": [{"id": "b"}]}
    assert _read_next(fields, answer, answer | {"l": [{"id": "b", "v": 2}]}) == [("a", 1.0)]


def test_a_list_where_an_object_is_expected_is_never_read() -> None:
    fields = [{**EACH, "each": "/other"}, {**EACH, "only": "object"}]
    answer = {"other": [{"id": "a", "v": 1}], "l": [{"id": "b"}]}
    assert _read_next(fields, answer, answer | {"l": [{"id": "b", "v": 2}]}) == [("a", 1.0)]


def test_items_for_other_parameters_are_never_read() -> None:
    other = {**EACH, "each": "/other"}
    when: dict[str, Any] = {"when": {"role": "x"}}
    params = {"role": {"help": "The role.", "choices": ["x", "y"]}}
    answer = {"other": [{"id": "a", "v": 1}], "l": [{"id": "b"}]}
    for excluded in ({**EACH, **when}, {"within": "", "fields": [EACH], **when}):
        endpoint = {"path": "/{role}", "fields": [other, excluded]}
        system = system_of({"params": params, "endpoints": [endpoint]})
        next_answer = answer | {"l": [{"id": "b", "v": 2}]}
        assert _values(_reads(system, answer, next_answer, {"role": "y"})) == [("a", 1.0)]


def _read_next(
    fields: list[dict[str, Any]], answer: dict[str, Any], next_answer: dict[str, Any]
) -> list[tuple[str, float]]:
    """Return the labels and values of an answer that follows another."""
    return _values(_reads(declared(fields), answer, next_answer, {}))


def _reads(system: System, answer: Any, next_answer: Any, params: dict[str, str]) -> Extraction:
    reader = EndpointReader(system.endpoints[0], params)
    reader.read(Answer("application/json", as_json(answer), NOW))
    return reader.read(Answer("application/json", as_json(next_answer), NOW))


def _values(found: Extraction) -> list[tuple[str, float]]:
    return [
        (labels[0][1], value) for (_, labels), value in zip(found.series, found.values, strict=True)
    ]


def test_items_that_all_have_other_keys_are_read_without_shapes() -> None:
    fields = [{"each": "/l", "labels": {"id": "/id"}, "fields": [{"gauge": "s_v", "path": "/v"}]}]
    answer = {"l": [{"id": f"s{n}", "v": n, f"key{n}": n} for n in range(500)]}
    before = len(shapes._shapes)
    system, last = learned(fields, answer)
    assert last is not None

    for number in range(500):
        answer["l"][number]["v"] = 7
    assert last.read(as_json(answer), NOW) == whole(system, answer)
    assert len(shapes._shapes) - before <= shapes._MAX_SHAPES_OF_ONE + 1


def test_a_bug_of_a_reading_is_left_to_the_strict_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    _, last = learned(FIELDS, ANSWER)
    assert last is not None
    monkeypatch.setattr(ItemList, "read", lambda *_: 1 / 0)

    assert last.read(BODY, NOW) is None


def test_the_bytes_of_all_answers_that_are_kept_are_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    size = len(as_json(ANSWER))
    gc.collect()  # Answers of other tests, which are in cycles with their tracebacks.
    monkeypatch.setattr(last_answer, "MAX_KEPT_BYTES", 2 * size)
    system, first = learned(FIELDS, ANSWER)
    _, second = learned(FIELDS, ANSWER)
    _, third = learned(FIELDS, ANSWER)
    assert first is not None
    assert second is not None
    assert third is None, "kept beyond the limit"

    longer = changed([*SERVERS, server(9)])
    assert first.read(as_json(longer), NOW) is None, "one that grows beyond the limit"
    assert first.read(as_json(ANSWER), NOW) == whole(system, ANSWER)

    del second
    _, fourth = learned(FIELDS, ANSWER)
    assert fourth is not None, "there is room for another"
