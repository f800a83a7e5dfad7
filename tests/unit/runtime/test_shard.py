"""Sharding: every target is polled by exactly one exporter, and resizing moves only its share."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.errors import ConfigError
from exporter.runtime.shard import Shard, owner, parse_shard
from exporter.settings import Settings
from support.polling import make_target

NAMES = [f"game-{number}" for number in range(10_000)]


@given(st.lists(st.text(min_size=1), unique=True, max_size=30), st.integers(1, 12))
def test_every_target_has_exactly_one_owner(names: list[str], total: int) -> None:
    for name in names:
        assert [shard for shard in range(total) if Shard(shard, total).owns(name)] == [
            owner(name, total)
        ]


@pytest.mark.parametrize("total", [2, 3, 7])
def test_the_shares_are_alike(total: int) -> None:
    shares = Counter(owner(name, total) for name in NAMES)

    assert set(shares) == set(range(total))
    assert max(shares.values()) < 1.1 * len(NAMES) / total


@pytest.mark.parametrize("total", [1, 2, 5])
def test_adding_a_shard_moves_only_its_share(total: int) -> None:
    moved = [name for name in NAMES if owner(name, total) != owner(name, total + 1)]

    assert {owner(name, total + 1) for name in moved} == {total}
    assert len(moved) < 1.1 * len(NAMES) / (total + 1)


def test_the_owner_of_a_name_is_fixed_for_ever() -> None:
    """A change would move targets between exporters of two versions during an upgrade."""
    assert [owner(f"t{number}", 5) for number in range(12)] == EXPECTED


EXPECTED = [1, 4, 0, 4, 2, 0, 1, 0, 3, 4, 1, 3]


def test_a_shard_keeps_its_part_of_the_settings() -> None:
    targets = tuple(replace(make_target(), name=name) for name in NAMES[:100])
    settings = Settings(targets=targets)
    parts = [Shard(number, 3).part_of(settings).targets for number in range(3)]

    assert sorted(target.name for part in parts for target in part) == sorted(NAMES[:100])
    assert Shard(0, 1).part_of(settings) is settings


@pytest.mark.parametrize(
    ("shard", "total", "environment", "expected"),
    [
        ("0", 1, {}, Shard(0, 1)),
        ("2", 3, {}, Shard(2, 3)),
        ("pod", 3, {"POD_NAME": "status-exporter-1"}, Shard(1, 3)),
        ("pod", 3, {"HOSTNAME": "status-exporter-2"}, Shard(2, 3)),
        ("pod", 3, {"POD_NAME": "a-0", "HOSTNAME": "a-2"}, Shard(0, 3)),
    ],
)
def test_the_flags_are_read(
    shard: str, total: int, environment: dict[str, str], expected: Shard
) -> None:
    assert parse_shard(shard, total, environment) == expected


@pytest.mark.parametrize(
    ("shard", "total", "environment"),
    [
        ("3", 3, {}),
        ("-1", 3, {}),
        ("x", 3, {}),
        ("", 3, {}),
        ("pod", 3, {}),
        ("pod", 3, {"POD_NAME": "status-exporter-7c9f"}),
        ("pod", 3, {"POD_NAME": "status-exporter-3"}),
    ],
)
def test_invalid_flags_are_reported(shard: str, total: int, environment: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="--shard"):
        parse_shard(shard, total, environment)


@pytest.mark.parametrize(
    ("shard", "total", "message"),
    [
        ("0", 0, "--total-shards: 0 is below 1"),
        ("pod", -1, "--total-shards: -1 is below 1"),
        ("3", 3, "--shard: 3 is neither a number from 0 to 2 nor pod"),
    ],
)
def test_the_message_names_the_flag_and_its_range(shard: str, total: int, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_shard(shard, total, {})

    assert caught.value.faults == (message,)
