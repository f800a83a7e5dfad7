"""Programs that tests need besides Python: where they are, and what happens if one is missing."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from typing import NoReturn

import pytest

from support.repository import ROOT

# Names of programs in distributions that differ from their own.
_OTHER_NAMES = {
    "alertmanager": ["prometheus-alertmanager"],
    "blackbox_exporter": ["prometheus-blackbox-exporter"],
    "chromium": ["chromium-browser", "google-chrome"],
}


class ToolPolicy:
    """Whether a missing program fails the test; `--require-tools` sets it."""

    required = False


def tool(name: str, version: str = "") -> str:
    """Return the path of a program, of a version with this prefix if given.

    It is looked for on PATH and in the folders of `.tools`: in each, in its `bin` and in its
    `usr/bin`. Where it is missing, the test is skipped; with `--require-tools` it fails.
    """
    wanted = (
        path
        for path in candidates(name)
        if not version or f"{version_of(path)}.".startswith(f"{version}.")
    )
    return next(wanted, None) or missing(f"{name} {version}".strip())


def missing(what: str) -> NoReturn:
    """Skip the test because something is missing; with `--require-tools`, fail it."""
    if ToolPolicy.required:
        pytest.fail(f"missing: {what}", pytrace=False)
    pytest.skip(f"missing: {what}")


@cache
def version_of(path: str) -> str:
    """Return the version that a program shows, such as `3.5.0`."""
    done = subprocess.run([path, "--version"], capture_output=True, text=True, check=True)
    found = re.search(r"version v?(\d[\d.]*)", done.stdout + done.stderr)
    assert found, done
    return found[1]


def candidates(name: str) -> Iterator[str]:
    """Yield the paths of a program of that name, whatever its version."""
    for one in (name, *_OTHER_NAMES.get(name, [])):
        if path := shutil.which(one):
            yield path
        for folder in ("*", "*/bin", "*/usr/bin"):
            for found in sorted((ROOT / ".tools").glob(f"{folder}/{one}")):
                if found.is_file():
                    yield str(found)
