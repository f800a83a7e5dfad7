"""Files of `deploy/`, read: the Containerfile, the composition of containers, the units of systemd."""

import re
from pathlib import Path
from typing import Any

from support.manifests import documents
from support.repository import DEPLOY, ROOT

CONTAINERFILE = DEPLOY / "image" / "Containerfile"
LOCK = ROOT / "requirements.lock"


def instructions() -> list[tuple[str, str]]:
    text = CONTAINERFILE.read_text(encoding="utf-8")
    text = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", "")
    return [
        (word, rest.strip())
        for word, _, rest in (line.partition(" ") for line in text.splitlines())
    ]


def last(word: str) -> str:
    return [rest for one, rest in instructions() if one == word][-1]


COMPOSE = DEPLOY / "compose"
CONFIG = COMPOSE / "config.yaml"


def services() -> dict[str, dict[str, Any]]:
    (found,) = documents(COMPOSE / "compose.yaml")
    return dict(found["services"])


def mounts(service: str) -> dict[str, Path]:
    """Return what a service finds in its container, by the path there."""
    found = {}
    for one in services()[service]["volumes"]:
        here, there, how = one.split(":")
        assert how == "ro"
        found[there] = (COMPOSE / here).resolve()
    return found


UNITS = DEPLOY / "systemd"
SERVICE, SOCKET = UNITS / "status-exporter.service", UNITS / "status-exporter.socket"


# In tenths of systemd's points, of which an unhardened service has about a hundred.
MOST_EXPOSED = 11


def settings(unit: Path) -> dict[str, list[str]]:
    """Return what the unit sets, by key, in the order of the file."""
    found: dict[str, list[str]] = {}
    for line in unit.read_text(encoding="utf-8").splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(key, []).append(value)
    return found
