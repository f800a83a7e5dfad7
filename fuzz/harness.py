"""The interface of a harness, and the files of its inputs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from random import Random

ROOT = Path(__file__).parent.parent
ANSWERS = ROOT / "tests" / "data" / "answers"
_CORPUS = ROOT / "tests" / "data" / "corpus"

MOST = 64 * 1024
"""Bytes of one input."""


@dataclass(frozen=True, kw_only=True)
class Harness:
    """Valid inputs, their mutations, and a check of what must hold for any input."""

    name: str
    seeds: Callable[[], Sequence[bytes]]
    mutate: Callable[[bytes, Random], bytes]
    check: Callable[[bytes], None]
    """Raises any exception if an invariant is broken."""

    @property
    def corpus(self) -> Path:
        """The folder of inputs that once failed, or are worth checking again."""
        return _CORPUS / self.name

    @cached_property
    def inputs(self) -> tuple[bytes, ...]:
        """The inputs that mutations start from."""
        saved = [path.read_bytes() for path in sorted(self.corpus.glob("*"))]
        return (*self.seeds(), *saved)

    def stray(self, data: bytes, chance: Random) -> bytes:
        """Mutate an input a few times."""
        for _ in range(chance.randint(1, 4)):
            data = self.mutate(data, chance)[:MOST]
        return data
