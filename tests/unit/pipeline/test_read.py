"""An answer is read by its changes if possible, else whole."""

import json
from typing import Any

import pytest

from exporter.declare import last_answer
from exporter.errors import PollError
from exporter.http.answer import MAX_VALUES, Answer
from exporter.pipeline.read import EndpointReader
from support.declarations import system_of
from support.polling import NOW

FIELDS: list[dict[str, Any]] = [
    {"gauge": "s_v", "path": "/v"},
    {"info": "s_info", "labels": {"version": "/version"}},
    {"each": "/items", "labels": {"id": "/id"}, "fields": [{"gauge": "s_item", "path": "/v"}]},
]


class Learned:
    """A reader of answers, with the number of answers that it learned."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        endpoint = system_of({"endpoints": [{"path": "/x", "fields": FIELDS}]}).endpoints[0]
        self.reader = EndpointReader(endpoint, {})
        self.count = 0

        def counted(*given: Any) -> Any:
            self.count += 1
            return last_answer.learn(*given)

        monkeypatch.setattr("exporter.pipeline.read.learn", counted)

    def read(self, v: float, version: str = "1", items: Any = ()) -> dict[str, float]:
        """Read an answer, and return its values by their metrics."""
        answer = self.answer(v, version, items)
        found = self.reader.read(answer)
        return {one.family: one.value for one in found.samples}

    def answer(self, v: float, version: str = "1", items: Any = ()) -> Answer:
        body = json.dumps({"v": v, "version": version, "items": [*items]}).encode()
        return Answer("application/json", body, NOW)


@pytest.fixture
def learned(monkeypatch: pytest.MonkeyPatch) -> Learned:
    return Learned(monkeypatch)


def test_answers_of_one_shape_are_learned_once(learned: Learned) -> None:
    assert [learned.read(v)["s_v"] for v in range(5)] == [0, 1, 2, 3, 4]
    assert learned.count == 1


def test_answers_that_always_differ_are_learned_ever_less_often(learned: Learned) -> None:
    for number in range(64):
        assert learned.read(number, version=str(number))["s_v"] == number

    assert learned.count == 7


def test_complete_reads_between_fast_reads_do_not_end_learning(learned: Learned) -> None:
    for _ in range(5):
        learned.reader.read_whole(learned.answer(1))
        learned.read(2)
        learned.read(3)

    assert learned.count == 5


def test_a_whole_read_counts_unmapped_values(learned: Learned) -> None:
    body = b'{"v": 1, "version": "1", "items": [], "new": 1}'
    found = learned.reader.read_whole(Answer("application/json", body, NOW))

    assert found.extraction.unmapped == 1
    assert found.tree["new"] == 1


@pytest.mark.parametrize("is_known", [False, True])
def test_an_answer_with_too_many_values_is_refused(learned: Learned, is_known: bool) -> None:
    items = [{"id": "a", "v": 1}]
    if is_known:
        assert learned.read(1, items=items)["s_item"] == 1
    items[0]["more"] = [1] * MAX_VALUES

    with pytest.raises(PollError, match="values"):
        learned.read(1, items=items)
