"""Declarations: what is wrong with one is said when the program starts."""

import re
from dataclasses import replace
from typing import Any

import pytest

from exporter.errors import SpecError
from exporter.poll.snapshot import TARGET_FAMILIES
from exporter.readers import text
from exporter.spec import (
    KEY,
    POLL_TIME,
    Count,
    Counter,
    Each,
    Endpoint,
    Field,
    Gauge,
    Info,
    Match,
    Param,
    Part,
    Refusal,
    States,
    System,
    check_shared,
)
from exporter.systems import SYSTEMS


def declare(*fields: Field, **more: Any) -> System:
    endpoint = Endpoint(path="/status", fields=fields, **more)
    return System(name="pbx", title="PBX", url_help="the PBX", endpoints=(endpoint,))


GOOD = Gauge("pbx_calls", ("/calls",), help="Calls now.")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ((Gauge("calls", ("/calls",), help="Calls."),), "a metric of pbx is named pbx_something"),
        ((Gauge("pbx_Calls", ("/c",), help="Calls."),), "is named pbx_something"),
        ((Gauge("pbx_a:b", ("/c",), help="Calls."),), "is named pbx_something"),
        ((Gauge("pbx_calls_total", ("/c",), help="Calls."),), "a gauge cannot end in _total"),
        ((Gauge("pbx_calls_info", ("/c",), help="Calls."),), "a gauge cannot end in _info"),
        ((Gauge("pbx_calls_created", ("/c",), help="C."),), "a gauge cannot end in _created"),
        ((Counter("pbx_calls", ("/c",), help="Calls."),), "a counter must end in _total"),
        ((Info("pbx_version", {"version": ("/v",)}, help="V."),), "an? info must end in _info"),
        ((Gauge("pbx_calls", ("/c",), help="calls"),), "the help is no sentence"),
        ((Gauge("pbx_calls", ("/c",), help="Two.\nLines."),), "the help is no sentence"),
        ((Gauge("pbx_calls", ("calls",), help="Calls."),), "does not begin with /"),
        ((Gauge("pbx_calls", ("/c",), help="C.", read=float),), "not one of the named readers"),
        (
            (Info("pbx_info", {"v": ("/v",)}, help="V.", reads={"v": str}),),
            "not one of the named readers",
        ),
        (
            (Info("pbx_info", {"v": ("/v",)}, help="V.", reads={"w": text}),),
            "there is no label 'w' to read",
        ),
        ((Gauge("pbx_calls", ("/c",), help="C.", labels={"le": "1"}),), "'le' cannot be a label"),
        ((Info("pbx_info", {"target": ("/v",)}, help="V."),), "'target' cannot be a label"),
        ((GOOD, Gauge("pbx_calls", ("/d",), help="Other.")), "declared in two different ways"),
        (
            (GOOD, Gauge("pbx_calls", ("/d",), help="Calls now.", labels={"a": "b"})),
            "two different",
        ),
        (
            (GOOD, Counter("pbx_calls_total", ("/d",), help="Calls.")),
            "are one family to OpenMetrics",
        ),
    ],
)
def test_a_declaration_that_cannot_work_is_refused(fields: tuple[Field, ...], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        declare(*fields)


@pytest.mark.parametrize(
    "field",
    [
        States("pbx_calls", ("/c",), help="C.", states=("up",), label="line"),
        Gauge("pbx_calls", ("/c",), help="C.", labels={"line": "1"}),
        Info("pbx_calls_info", {"line": ("/c",)}, help="C."),
        Each("/inner", labels={"line": ("/id",)}, fields=(GOOD,)),
    ],
)
def test_a_label_comes_from_one_place(field: Field) -> None:
    message = "the label 'line' comes from two places"
    with pytest.raises(SpecError, match=message):
        declare(Each("/lines", labels={"line": (KEY,)}, fields=(field,)))  # type: ignore[arg-type]
    with pytest.raises(SpecError, match=message):
        declare(field, labels={"line": ("/line",)})


@pytest.mark.parametrize("pseudo", [KEY, POLL_TIME])
@pytest.mark.parametrize(
    "make",
    [
        lambda path: Match("pbx_calls", (path,), help="C.", equals="1"),
        lambda path: States("pbx_calls", (path,), help="C.", states=("up",)),
        lambda path: Info("pbx_calls_info", {"line": (path,)}, help="C."),
        lambda path: Part("pbx_calls", path, help="C.", fields=()),
        lambda path: Part("pbx_calls", "/c", help="C.", fields=(), error=path),
        lambda path: Part("pbx_calls", "/c", help="C.", fields=(), silent=(path, 0)),
        lambda path: Each(path, fields=(GOOD,)),
        lambda path: Each("/lines", fields=(GOOD,), where=(path, "x")),
    ],
)
def test_pseudo_paths_stand_only_where_they_mean_something(pseudo: str, make: Any) -> None:
    with pytest.raises(SpecError, match=f"{pseudo} cannot stand here"):
        declare(make(pseudo))


@pytest.mark.parametrize("pseudo", [KEY, POLL_TIME])
def test_an_endpoint_has_no_pseudo_paths_of_its_own(pseudo: str) -> None:
    refusal = Refusal(error=pseudo, success="/success", message="/message")
    for more in ({"labels": {"line": (pseudo,)}}, {"refusal": refusal}):
        with pytest.raises(SpecError, match=f"{pseudo} cannot stand here"):
            declare(GOOD, **more)


MERGED = Gauge("pbx_calls", ("/c",), help="C.", merge="sum")


@pytest.mark.parametrize(
    "field",
    [
        Count("pbx_calls", help="C."),
        MERGED,
        Part("pbx_part", "/p", help="P.", fields=(MERGED,)),
        Each("/lines", fields=(Part("pbx_part", "/p", help="P.", fields=(MERGED,)),)),
    ],
)
def test_what_goes_with_items_stands_within_an_each(field: Field) -> None:
    with pytest.raises(SpecError, match="is for the fields of an each"):
        declare(field)


@pytest.mark.parametrize("begin", ["status_exporter", "process", "python", "scrape"])
def test_no_system_has_metrics_of_those_who_have_them_already(begin: str) -> None:
    prefix = begin.partition("_")[0]
    fields = (Gauge(f"{begin}_calls", ("/c",), help="C."),)
    endpoint = Endpoint(path="/status", fields=fields)
    with pytest.raises(SpecError, match=f"what begins with {begin}_ is no metric of a system"):
        System(name="pbx", title="P", url_help="p", prefix=prefix, endpoints=(endpoint,))


@pytest.mark.parametrize("when", [("calls", "true"), ("detail", "treu")])
def test_a_condition_is_one_that_a_target_can_meet(when: tuple[str, str]) -> None:
    detail = Param("detail", "switch", help="D.", default="false", choices=("false", "true"))
    deep = Each("/l", fields=(Part("pbx_part", "/p", help="P.", fields=(), when=when),))
    for endpoint in (
        Endpoint(path="/status", fields=(GOOD,), when=when),
        Endpoint(path="/status", fields=(deep,)),
    ):
        with pytest.raises(SpecError, match=f"no target can say {when[0]}: {when[1]}"):
            System(name="pbx", title="P", url_help="p", params=(detail,), endpoints=(endpoint,))


def test_the_endpoints_labels_stand_on_every_family() -> None:
    system = declare(GOOD, labels={"node": ("/node",)})

    assert [family.labels for family in system.families] == [("node",)]
    assert system.labels == {"node"}


def test_a_family_of_two_fields_names_both_sources() -> None:
    system = declare(
        Gauge("pbx_calls", ("/in",), help="Calls.", labels={"direction": "in"}),
        Gauge("pbx_calls", ("/out", "/gone"), help="Calls.", labels={"direction": "out"}),
    )

    assert [family.source for family in system.families] == ["/in, /out or /gone"]


def test_a_family_of_two_systems_is_declared_alike() -> None:
    other = Gauge("pbx_calls", ("/x",), help="Calls of another kind.")
    two = System(name="pbx_two", title="P", url_help="p", prefix="pbx", endpoints=())
    again = replace(two, endpoints=(Endpoint(path="/", fields=(GOOD,)),))
    unlike = replace(two, endpoints=(Endpoint(path="/", fields=(other,)),))

    check_shared([declare(GOOD), again])
    with pytest.raises(SpecError, match="pbx_calls is declared differently by pbx and pbx_two"):
        check_shared([declare(GOOD), unlike])


def test_a_family_that_openmetrics_takes_for_another_is_refused() -> None:
    two = System(
        name="pbx_two",
        title="P",
        url_help="p",
        prefix="pbx",
        endpoints=(
            Endpoint(path="/", fields=(Counter("pbx_calls_total", ("/x",), help="C (x)."),)),
        ),
    )

    with pytest.raises(SpecError, match="declared differently"):
        check_shared([declare(GOOD), two])


def test_no_system_has_a_family_of_the_exporters_own() -> None:
    own = {family.name for family in TARGET_FAMILIES}

    assert not own & {family.name for system in SYSTEMS.values() for family in system.families}


@pytest.mark.parametrize("system", SYSTEMS.values(), ids=lambda system: system.name)
def test_units_are_base_units(system: System) -> None:
    """Bytes, seconds and ratios; nothing in kilobytes, minutes or percent."""
    summaries = re.compile(r"_(count|sum|bucket)$")
    unit = re.compile(r"_(kb|kilobytes|kib|mb|ms|milliseconds|minutes|hours|percent)(_|$)")

    assert [family.name for family in system.families if unit.search(family.name)] == []
    assert [family.name for family in system.families if summaries.search(family.name)] == []


@pytest.mark.parametrize("system", SYSTEMS.values(), ids=lambda system: system.name)
def test_help_names_the_vendors_field(system: System) -> None:
    assert [family.name for family in system.families if "(" not in family.help] == []
