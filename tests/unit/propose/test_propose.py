"""Proposals for recorded answers: their text, and that they load and read the answer."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exporter.cli.declare_command import _parse_answer
from exporter.config import load_text
from exporter.declare.extraction import Extraction
from exporter.http.answer import Answer
from exporter.pipeline.xml_tree import make_lists
from exporter.propose import NothingToMapError, propose, system_name
from exporter.systems import SYSTEMS
from support.repository import DATA

PROPOSALS = DATA / "proposals"
ANSWERS = sorted((PROPOSALS / "answers").iterdir())
SAMPLES = {
    "application_health": 35,
    "broker_queues": 45,
    "ci_agents": 35,
    "container_engine": 28,
    "database_status": 50,
    "dns_server": 50,
    "network_switch": 60,
    "search_cluster": 34,
    "ups": 25,
    "web_upstreams": 90,
}
"""The least number of samples of the answers of well-known servers."""


def read_answer(path: Path) -> tuple[str, Any]:
    """Return the format and tree of a recorded answer."""
    if path.suffix == ".json":
        return "json", json.loads(path.read_bytes())
    return _parse_answer(Answer("", path.read_bytes(), 0.0))


def extract(proposal: str, name: str, tree: Any) -> Extraction:
    """Load the proposal as a configuration and read the answer with it."""
    loaded = load_text(proposal, "custom.yaml", PROPOSALS, SYSTEMS, needs_targets=False)
    (endpoint,) = loaded.systems[name].endpoints
    if "xml" in endpoint.formats:
        make_lists(tree, endpoint.list_paths)
    return endpoint.extract(tree, {}, 1.7e9)


def check(tree: Any, form: str) -> None:
    """Check that what is proposed for the answer loads, and reads it without a fault."""
    try:
        proposal = propose(tree, "own", form=form)
    except NothingToMapError:
        return
    found = extract(proposal, "own", tree)

    assert found.samples, proposal
    assert not found.faults, proposal
    assert not found.dropped_items
    series = [(one.family, one.labels) for one in found.samples]
    assert len(series) == len({*series}), proposal


@pytest.mark.parametrize("path", ANSWERS, ids=lambda path: path.name)
def test_a_proposal_is_as_recorded_and_reads_its_answer(path: Path, *, renew: bool) -> None:
    form, tree = read_answer(path)
    name = system_name(path.stem)

    proposal = propose(tree, name, form=form)

    golden = PROPOSALS / "expected" / f"{path.stem}.yaml"
    if renew:
        golden.write_text(proposal, encoding="utf-8")
    assert proposal == golden.read_text(encoding="utf-8")
    found = extract(proposal, name, tree)
    assert not found.faults
    assert len(found.samples) >= SAMPLES.get(path.stem, 1)


def test_every_proposal_belongs_to_an_answer() -> None:
    proposals = {path.stem for path in (PROPOSALS / "expected").iterdir()}

    assert proposals == {path.stem for path in ANSWERS}


@pytest.mark.parametrize(
    "tree",
    [
        [{"a": [1], "b": 1}, {"a": "", "b": 2}],
        [{"a": {"x": 1}, "b": 1}, {"a": [], "b": 2}],
        [[None, "UP"], [{"id": False}, {"id": None}]],
        {"S": [False]},
    ],
    ids=["text-for-list", "list-for-map", "rows-of-objects", "one-letter"],
)
def test_odd_trees_are_read_without_a_fault(tree: Any) -> None:
    check(tree, "json")


WORDS = [
    "id",
    "name",
    "key",
    "uuid",
    "host",
    "status",
    "state",
    "mode",
    "total",
    "count",
    "requests",
    "bytes_in",
    "heapUsed",
    "memory",
    "uptime",
    "created_at",
    "time",
    "ts",
    "percent",
    "cpu",
    "version",
    "url",
    "token",
    "enabled",
    "system",
    "target",
    "job",
    "value",
    "items",
    "data",
    "results",
    "servers",
    "queues",
    "responses",
    "connections",
    "info",
    "created",
    "bucket",
    "1xx",
    "4xx",
    "a.b.C",
    "x/y",
    "~z",
    "$",
    "#text",
    "@value",
    "é",
    "on",
    "yes",
    "null",
    "S",
]
HOSTILE = [
    '"',
    "\n",
    "'",
    "{x}",
    "a: b",
    "- a",
    "# c",
    "",
    "  ",
    "\ud800",
    "\u2028",
    "\0",
    "a" * 300,
]
TEXTS = [
    *("UP", "down", "true", "no", "12", "1.5", "-3", "28 %", "1.5 MB", "1h2m", "00:12:31", "3.4.5"),
    *("2024-03-18T09:12:44.108Z", "2024-03-18 09:12", "0001-01-01T00:00:00Z", "n/a", "-", ""),
    *("unknown", "http://x/y", "a" * 80, "x\ny: 3\nz=4", '{"a":1}', "[1]", "1730000000", "k: v"),
    *("/Date(1330848000000)/", "1e400", "\u0663", "5 minutes", "12:30", "-P1D", "1 B", "Infinity"),
]
NUMBERS = [1730000000, 1730000000123, 1 << 40, 0, -1, 10**400, 1e300, float("nan"), float("inf")]

keys = st.sampled_from(WORDS) | st.sampled_from(HOSTILE) | st.text(max_size=12)
texts = st.sampled_from(TEXTS) | st.text(max_size=20)
numbers = st.integers() | st.integers(0, 300) | st.floats() | st.sampled_from(NUMBERS)
scalars = st.none() | st.booleans() | numbers | texts


def containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return objects, lists, and lists and maps of objects that are alike."""
    alike = st.lists(keys, min_size=1, max_size=4, unique=True).map(
        lambda names: st.fixed_dictionaries(dict.fromkeys(names, inner))
    )
    return (
        st.lists(inner, max_size=4)
        | st.dictionaries(keys, inner, max_size=6)
        | alike.flatmap(lambda one: st.lists(one, max_size=4))
        | alike.flatmap(lambda one: st.dictionaries(keys, one, max_size=4))
    )


trees = containers(st.recursive(scalars, containers, max_leaves=20))
lines = (
    st.from_regex(r"[A-Za-z ]{1,12}[:=] ?[0-9.]{1,5}( [A-Za-z%]{1,6})?", fullmatch=True)
    | st.from_regex(r"([0-9]{1,3} [a-z()]{1,5}[,:-]? ){1,4}", fullmatch=True)
    | st.text(max_size=40)
)
ANY = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@ANY
@given(trees)
def test_a_proposal_for_any_tree_loads_and_reads_it(tree: Any) -> None:
    check(tree, "json")


@ANY
@given(st.lists(lines, max_size=6).map("\n".join))
def test_a_proposal_for_any_text_loads_and_reads_it(text: str) -> None:
    check(text, "text")
