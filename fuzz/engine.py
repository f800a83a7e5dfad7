"""Runs one harness for some time, and saves inputs that fail in its corpus.

With atheris the inputs are led by what they reach in the exporter; without, hypothesis makes them.
"""

import sys
from collections.abc import Callable
from hashlib import sha256
from importlib.util import find_spec
from random import Random
from time import monotonic
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from fuzz.harness import MOST, Harness

HAS_ATHERIS = find_spec("atheris") is not None
_EXAMPLES_A_ROUND = 2000


def strategy(harness: Harness) -> SearchStrategy[bytes]:
    """Return the Hypothesis strategy of the harness' inputs."""
    chances = st.randoms(use_true_random=False)
    return st.builds(harness.stray, st.sampled_from(harness.inputs), chances)


def keep(harness: Harness, data: bytes) -> None:
    """Save an input that failed in the corpus."""
    harness.corpus.mkdir(parents=True, exist_ok=True)
    name = f"failed-{sha256(data).hexdigest()[:12]}"
    (harness.corpus / name).write_bytes(data)


def keeping(harness: Harness) -> Callable[[bytes], None]:
    """Return a check that saves inputs that fail."""

    def check(data: bytes) -> None:
        try:
            harness.check(data)
        except BaseException:
            keep(harness, data)
            raise

    return check


def guided(find: Callable[[], Harness], seconds: int, folder: str, seed: int) -> None:
    """Fuzz by coverage, and end the process. `find` imports the harness."""
    import atheris  # noqa: PLC0415 - it is not there everywhere

    # atheris measures the coverage only of modules that are imported under it.
    with atheris.instrument_imports(include=["exporter"]):
        harness = find()

    def mutated(data: bytes, longest: int, chance: int) -> bytes:
        return harness.stray(data, Random(chance))[:longest]  # noqa: S311 - not for secrets

    arguments = [
        sys.argv[0],
        f"-max_total_time={seconds}",
        f"-max_len={MOST}",
        f"-seed={seed}",
        "-timeout=30",
        "-rss_limit_mb=2048",
        "-print_final_stats=1",
        f"-artifact_prefix={folder}/",
        folder,
    ]
    atheris.Setup(arguments, keeping(harness), custom_mutator=mutated)
    atheris.Fuzz()


def unguided(harness: Harness, seconds: int, seed: int) -> int:
    """Check inputs from Hypothesis until the time is over; return their number."""
    inputs = 0
    end = monotonic() + seconds
    check = keeping(harness)

    def counted(data: bytes) -> None:
        nonlocal inputs
        if monotonic() < end:
            inputs += 1
            check(data)

    while monotonic() < end:
        bounds = settings(
            max_examples=_EXAMPLES_A_ROUND,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        run: Any = given(strategy(harness))(counted)
        seeded(seed)(bounds(run))()
        seed += 1
    return inputs
