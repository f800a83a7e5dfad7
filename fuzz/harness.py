"""What a harness is, and where its inputs are kept."""

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
    """Inputs that are right, how they become wrong, and what must hold all the same."""

    name: str
    seeds: Callable[[], Sequence[bytes]]
    mutate: Callable[[bytes, Random], bytes]
    check: Callable[[bytes], None]
    """Raises whatever it likes where something does not hold."""

    @property
    def corpus(self) -> Path:
        """Where the inputs are that once failed, or are worth keeping."""
        return _CORPUS / self.name

    @cached_property
    def inputs(self) -> tuple[bytes, ...]:
        """What the mutations start from."""
        kept = [path.read_bytes() for path in sorted(self.corpus.glob("*"))]
        return (*self.seeds(), *kept)

    def stray(self, data: bytes, chance: Random) -> bytes:
        """Mutate an input a few times."""
        for _ in range(chance.randint(1, 4)):
            data = self.mutate(data, chance)[:MOST]
        return data
