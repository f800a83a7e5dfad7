"""The load of a measurement: its targets, how often they are polled, and what they answer."""

from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from bench.answers import ANSWERS, Answer

HOST_NAME = "status.bench"
"""The name in the certificate of the status server, which listens on thousands of addresses."""

_MAX_TIMEOUT = 5.0
_TIMEOUT_SHARE = 0.9
# The last part of an address is 1 to 250.
_ADDRESSES_PER_PART = 250


@dataclass(frozen=True)
class Site:
    """Where the status server listens."""

    port: int
    tls_port: int
    ca: Path
    """The certificate of the authority that issued the server's."""


@dataclass(frozen=True)
class Load:
    """The number of targets, the seconds between two polls of one, and the kinds of them in turn."""

    targets: int
    interval: float
    kinds: tuple[str, ...] = ("ten",)
    tls: bool = False
    sharing: int = 1
    """The number of targets that have the same address."""

    @property
    def answer(self) -> Answer:
        """The only kind of target there is."""
        (kind,) = self.kinds
        return ANSWERS[kind]

    def urls(self, site: Site) -> list[str]:
        """Return what a program that takes any URL polls."""
        return [base + self.answer.path for base in self.bases(site, self.targets)]

    def bases(self, site: Site, number: int) -> list[str]:
        """Return the first URLs of so many targets, without a path."""
        return [self._base(one, site) for one in range(number)]

    def config(self, site: Site) -> str:
        """Return the configuration of the exporter."""
        timeout = min(_MAX_TIMEOUT, self.interval * _TIMEOUT_SHARE)
        times = f"{self.interval * 1000:.0f}ms, timeout: {timeout * 1000:.0f}ms, max_age: 1h"
        tls = f"{{ca_file: {site.ca}, server_name: {HOST_NAME}}}"
        lines = [
            f"global: {{interval: {times}}}",
            f"clients: {{bench: {{tls_config: {tls if self.tls else '{}'}}}}}",
            "targets:",
        ]
        targets = (self._target(number, site) for number in range(self.targets))
        return "\n".join(chain(lines, targets)) + "\n"

    def _target(self, number: int, site: Site) -> str:
        answer = ANSWERS[self.kinds[number % len(self.kinds)]]
        url = self._base(number, site) + answer.base
        return (
            f'  - {{name: target-{number}, system: {answer.system}, url: "{url}", client: bench,'
            f" params: {{{answer.params}}}}}"
        )

    def _base(self, number: int, site: Site) -> str:
        group = number // self.sharing
        part = _ADDRESSES_PER_PART
        address = f"127.{1 + group // part**2}.{group // part % part}.{group % part + 1}"
        if self.tls:
            return f"https://{address}:{site.tls_port}"
        return f"http://{address}:{site.port}"
