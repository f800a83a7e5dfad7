"""Compares the fast readers of answers with the strict readers: their results must be the same.

A body is decoded as JSON by both. Then it is read as the next answer after each recorded answer, by
its changes, and whole.
"""

import re
from collections.abc import Iterator
from copy import copy
from functools import cache
from random import Random
from typing import Any, NamedTuple

from exporter.declare.endpoint import Endpoint
from exporter.declare.extraction import Extraction
from exporter.declare.last_answer import LastAnswer, learn
from exporter.errors import PollError
from exporter.http.answer import Answer
from exporter.pipeline.json_tree import read_json
from exporter.pipeline.read import parse, read_plain_json
from exporter.systems import SYSTEMS
from fuzz.answer_bodies import bodies, mutate
from fuzz.harness import Harness

_THEN, _NOW = 1710753149.25, 1710753164.25
_PARAMS = {"clanforge": {"serverid": "1200345", "query_info": "true", "match_info": "true"}}
# The fast reader does not know this name of UTF-8.
_STRICT = "application/json; charset=utf_8"
_NUMBER = re.compile(rb"(?<![\w.+-])-?\d+(?:\.\d+)?(?![\w.+-])")


class _Base(NamedTuple):
    """A recorded answer that the next can be read by."""

    endpoint: Endpoint
    params: dict[str, str]
    last: LastAnswer

    def read(self, body: bytes) -> Extraction | None:
        """Read a body by what has changed since the recorded answer."""
        # Reading replaces what the answer has, and changes nothing in it.
        return copy(self.last).read(body, _NOW)


@cache
def _bases() -> tuple[_Base, ...]:
    return tuple(_learned())


def _learned() -> Iterator[_Base]:
    for body in bodies():
        for name, system in SYSTEMS.items():
            for endpoint in system.endpoints:
                params = _PARAMS.get(name, {})
                try:
                    tree = parse(Answer(_STRICT, body, _THEN), endpoint).tree
                    extraction = endpoint.extract(tree, params, _THEN)
                except PollError:
                    continue
                last = learn(endpoint, tree, extraction, body, params)
                if last is not None:
                    yield _Base(endpoint, params, last)


def check(body: bytes) -> None:
    """Compare the ways to read a body."""
    fast = read_plain_json(body)
    if fast is not None:
        assert _exactly(fast) == _exactly(read_json(body.decode()))
    for base in _bases():
        extraction = base.read(body)
        if extraction is not None:
            tree, faults = parse(Answer(_STRICT, body, _NOW), base.endpoint)
            whole = base.endpoint.extract(tree, base.params, _NOW, faults)
            assert extraction == whole, "what has changed is not all that there is"


def _exactly(tree: Any) -> Any:
    """Return the tree with the kind of each value: to Python, 1, 1.0 and True are equal."""
    if isinstance(tree, dict):
        return {key: _exactly(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_exactly(value) for value in tree]
    return type(tree).__name__, tree


def mutate_values(body: bytes, chance: Random) -> bytes:
    """Change numbers, as the next answer of a server has them, or anything else."""
    if not chance.randrange(4):
        return mutate(body, chance)
    numbers = [b"0", b"-0", b"-1", b"1.5", b"1e3", b"9007199254740993", b"1e400", b"%d"]

    def other(_: re.Match[bytes]) -> bytes:
        new = chance.choice(numbers)
        return new % chance.randrange(10**6) if new == b"%d" else new

    places = [*_NUMBER.finditer(body)]
    if not places:
        return mutate(body, chance)
    start, end = chance.choice(places).span()
    return body[:start] + _NUMBER.sub(other, body[start:end]) + body[end:]


SHAPES = Harness(name="shapes", seeds=lambda: list(bodies()), mutate=mutate_values, check=check)
