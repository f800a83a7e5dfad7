"""JSONPath in kubectl's dialect: what it becomes, and that it selects the same values."""

import re
from typing import Any

import pytest

from exporter.convert.jsonpath import (
    JsonPathError,
    Steps,
    all_of,
    as_pointer,
    as_query,
    first_of,
    parse_template,
)
from exporter.declare.paths import Query

FLEET = {
    "port": "north",
    "ships": [
        {"id": "a", "tons": 1, "crew": [{"n": "Al"}, {"n": "Bo"}]},
        {"id": "b", "tons": 3, "crew": [{"n": "Cy"}], "flag": None},
        {"id": "c)]", "tons": 5.5, "crew": []},
    ],
    "docks": {"x": {"v": 1}, "y": {"v": 2}},
    "wind.speed": {"m/s": 9, "knots ~": 17},
}


def steps_of(template: str) -> Steps:
    (steps,) = parse_template(template)
    assert isinstance(steps, tuple)
    return steps


@pytest.mark.parametrize(
    ("template", "pointer"),
    [
        ("{.port}", "/port"),
        ("{ .port }", "/port"),
        ("{$.port}", "/port"),
        ("{ $ .port }", "/port"),
        ("{@.port}", "/port"),
        ("{@}", ""),
        ("{$}", ""),
        ("{.}", ""),
        ("{['port']}", "/port"),
        ('{["port"]}', "/port"),
        ("{.ships[0].id}", "/ships/0/id"),
        ("{.ships[-1].id}", "/ships/-1/id"),
        (r"{.wind\.speed['m/s']}", "/wind.speed/m~1s"),
        (r"{['wind\.speed']['knots ~']}", "/wind.speed/knots ~0"),
        ("{['ships'][1]['id']}", "/ships/1/id"),
    ],
)
def test_a_path_to_one_value_is_a_pointer(template: str, pointer: str) -> None:
    assert as_pointer(steps_of(template)) == pointer


@pytest.mark.parametrize(
    ("template", "found"),
    [
        ("{.ships[*].id}", ["a", "b", "c)]"]),
        ("{.ships[0:2].id}", ["a", "b"]),
        ("{.ships[1:].id}", ["b", "c)]"]),
        ("{.ships[-2:].id}", ["b", "c)]"]),
        ("{.ships[::2].id}", ["a", "c)]"]),
        ("{.ships[0,2].id}", ["a", "c)]"]),
        ("{.docks['x','y'].v}", [1, 2]),
        ("{.docks.*.v}", [1, 2]),
        ("{.ships[*].crew[*].n}", ["Al", "Bo", "Cy"]),
        ("{.ships[*].crew[0].n}", ["Al", "Cy"]),
        ("{.ships[0:2].crew[0:1].n}", ["Al", "Cy"]),
        ('{.ships[?(@.id == "b")].tons}', [3]),
        ("{.ships[?(@.id=='c)]')].tons}", [5.5]),
        ('{.ships[?(@.id != "b")].tons}', [1, 5.5]),
        ("{.ships[?(@.tons > 1)].id}", ["b", "c)]"]),
        ("{.ships[?(@.tons>=3)].id}", ["b", "c)]"]),
        ("{.ships[?(@.tons < 5.5)].id}", ["a", "b"]),
        ("{.ships[?(@.tons<=1.0)].id}", ["a"]),
        ("{.ships[?(@.crew[0].n)].id}", ["a", "b"]),
        ("{.ships[?(@.tons>1)].crew[?(@.n=='Cy')].n}", ["Cy"]),
        ("{['ships'][*]['id']}", ["a", "b", "c)]"]),
    ],
)
def test_a_path_to_several_values_is_a_query(template: str, found: list[Any]) -> None:
    steps = steps_of(template)

    assert as_pointer(steps) is None
    assert Query(as_query(steps)).find(FLEET) == found
    assert Query(first_of(steps)).find(FLEET) == found[0]
    texts = [one if isinstance(one, str) else f"{one:g}" for one in found]
    assert Query(all_of(steps)).find(FLEET) == " ".join(texts)


def test_a_query_may_start_at_the_item_itself() -> None:
    assert Query(as_query(steps_of("{[*].id}"))).find(FLEET["ships"]) == ["a", "b", "c)]"]
    assert Query(as_query(steps_of("{.*.v}"))).find(FLEET["docks"]) == [1, 2]


@pytest.mark.parametrize(
    ("template", "parts"),
    [
        ("beta", ("beta",)),
        ("", ()),
        ("1", ("1",)),
        ("{'it''s'}", None),
        ('{"a}b"}', ("a}b",)),
        (r"{'it\'s'}", ("it's",)),
        ("{true}", ("true",)),
        ("{3.5}", ("3.5",)),
        ("{-2}", ("-2",)),
    ],
)
def test_constants_are_text(template: str, parts: tuple[str, ...] | None) -> None:
    # Two texts in one expression: the last one replaces the first.
    assert parse_template(template) == (parts if parts is not None else ("s",))


def test_text_around_paths_is_kept() -> None:
    parts = parse_template("port-{.a}:{.b[0]}!")

    assert [as_pointer(one) if isinstance(one, tuple) else one for one in parts] == [
        *("port-", "/a", ":", "/b/0", "!")
    ]


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("{..id}", "recursive descent"),
        ("{.ships..id}", "recursive descent"),
        ("{range .ships[*]}{.id}{end}", "{range} has no counterpart"),
        ("{.port", "a brace is not closed"),
        ("{.ships[0}", "a bracket is not closed"),
        ("{.ships[x]}", "[x] is no index, slice or key"),
        ("{.ships[?(@.id == 'a']}", "a filter is not closed"),
        ("{.ships[?(@.id <> 'a')]}", "the operator <> is unknown"),
        ("{.ships[?('a' == @.id)]}", "its path on the left"),
        ("{.ships[?('a')]}", "a filter needs a path"),
        ("{.ships[?(@.id =~ 'a')]}", "the operator = is unknown"),
        ("{port}", 'unexpected "port"'),
        ("{.port | upper}", 'unexpected "|"'),
        ("{1.2.3}", "1.2.3 is not a number"),
        ("{'a'.b}", "a path behind a constant"),
    ],
)
def test_what_has_no_counterpart_is_refused(template: str, why: str) -> None:
    with pytest.raises(JsonPathError, match=re.escape(why)):
        parse_template(template)
