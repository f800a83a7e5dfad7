"""What the fuzzing in `fuzz/` looks for, in a bounded form: every harness, and what once failed."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

import fuzz.harness
from fuzz.__main__ import NAMES
from fuzz.engine import strategy, unguided
from fuzz.harness import Harness
from fuzz.harnesses import HARNESSES

EXAMPLES = {
    "reader": 1000,
    "plain": 1000,
    "bodies": 600,
    "shapes": 600,
    "configs": 500,
    "headers": 1000,
    "requests": 200,
}
KEPT = [
    (name, path) for name, harness in HARNESSES.items() for path in sorted(harness.corpus.glob("*"))
]


@pytest.mark.parametrize("name", HARNESSES)
def test_invariants_hold_for_every_seed(name: str) -> None:
    for seed in HARNESSES[name].seeds():
        HARNESSES[name].check(seed)


@pytest.mark.parametrize(("name", "path"), KEPT, ids=[f"{name}/{one.name}" for name, one in KEPT])
def test_inputs_that_once_failed_pass(name: str, path: Path) -> None:
    HARNESSES[name].check(path.read_bytes())


@pytest.mark.parametrize("name", HARNESSES)
def test_invariants_hold_for_mutated_inputs(name: str) -> None:
    harness = HARNESSES[name]

    @settings(max_examples=EXAMPLES[name], suppress_health_check=list(HealthCheck))
    @given(strategy(harness))
    def holds(data: bytes) -> None:
        harness.check(data)

    holds()


def test_every_harness_is_run_by_make_fuzz() -> None:
    assert set(NAMES) == set(HARNESSES) == set(EXAMPLES)


def test_an_input_that_fails_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(data: bytes) -> None:
        assert data != b"wrong"

    monkeypatch.setattr(fuzz.harness, "_CORPUS", tmp_path)
    broken = Harness(
        name="broken", seeds=lambda: [b"right"], mutate=lambda *_: b"wrong", check=refuse
    )
    with pytest.raises(AssertionError):
        unguided(broken, seconds=60, seed=1)

    assert [path.read_bytes() for path in broken.corpus.iterdir()] == [b"wrong"]
