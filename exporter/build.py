"""The version, the revision it was built from, and the Python that runs it.

A build records the revision in a file beside this one; an image does so in its environment.
"""

import os
import sys

from exporter import __version__

RECORD = os.path.join(os.path.dirname(__file__), "revision.txt")  # noqa: PTH118, PTH120 - for --version
"""The file with the revision and its date, separated by a space."""

UNKNOWN = "unknown"


def build_facts(record: str = RECORD) -> dict[str, str]:
    """Return version, revision, date and Python; what was not recorded is "unknown"."""
    try:
        with open(record, encoding="utf-8") as file:  # noqa: PTH123
            revision, date = file.read().split()
    except (OSError, ValueError):
        revision = date = UNKNOWN
    return {
        "version": __version__,
        "revision": os.environ.get("STATUS_EXPORTER_REVISION", revision),
        "date": date,
        "python": sys.version.partition(" ")[0],
    }


def version_text() -> str:
    """Return the output of `--version`: the version, then each other fact on its own line."""
    facts = build_facts()
    first = f"status-exporter {facts.pop('version')}"
    return "\n".join([first, *(f"  {name:9} {value}" for name, value in facts.items())])
