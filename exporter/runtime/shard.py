"""Assigns each target to one of several exporters, without communication between them.

Rendezvous hashing: a target belongs to the shard whose hash together with its name is highest.
Adding a shard moves only that shard's share of the targets.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b

from exporter.errors import ConfigError
from exporter.settings import Settings

_ORDINAL = re.compile(r"-(\d{1,6})$", re.ASCII)


@dataclass(frozen=True)
class Shard:
    """One of `total` exporters, counted from 0."""

    number: int
    total: int

    def owns(self, name: str) -> bool:
        """Return whether the target of this name is polled here."""
        return self.number == owner(name, self.total)

    def part_of(self, settings: Settings) -> Settings:
        """Return the settings with the targets that are polled here."""
        if self.total == 1:
            return settings
        mine = tuple(target for target in settings.targets if self.owns(target.name))
        return replace(settings, targets=mine)


def owner(name: str, total: int) -> int:
    """Return the number of the shard that polls the target of this name."""
    key = name.encode()
    return max(range(total), key=lambda shard: blake2b(b"%d/%b" % (shard, key)).digest())


def parse_shard(shard: str, total: int, environment: Mapping[str, str]) -> Shard:
    """Read `--shard` and `--total-shards`; `pod` takes the number from a StatefulSet's pod name.

    Raises:
        ConfigError: They make no sense.
    """
    if total < 1:
        raise ConfigError((f"--total-shards: {total} is below 1",))
    if shard == "pod":
        name = environment.get("POD_NAME") or environment.get("HOSTNAME", "")
        found = _ORDINAL.search(name)
        if not found:
            raise ConfigError(
                (
                    f'--shard: the pod\'s name "{name}" (POD_NAME, HOSTNAME) has no number at its end',
                )
            )
        shard = found[1]
    if not shard.isdecimal() or not shard.isascii() or not int(shard) < total:
        raise ConfigError((f"--shard: {shard} is neither a number from 0 to {total - 1} nor pod",))
    return Shard(int(shard), total)
