"""Writes the SBOM of a release as CycloneDX 1.6: `write_sbom.py FILE`.

The components are the distributions of requirements.lock. Their licences and what they require are
read from their metadata, so it runs in an environment that has them installed.
"""

import json
import re
import subprocess
import sys
from importlib.metadata import metadata, requires
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from exporter import __version__

ROOT = Path(__file__).parents[1]
OWN = "status-exporter"


def locked_versions(lock: str) -> dict[str, str]:
    """Return the versions in the text of a lock by their distribution."""
    return dict(re.findall(r"^([\w.-]+)==([\w.+!-]+)", lock, re.MULTILINE))


def component(kind: str, name: str, version: str) -> dict[str, Any]:
    """Return the component of an installed distribution."""
    purl = f"pkg:pypi/{name}@{version}"
    return {
        "type": kind,
        "bom-ref": purl,
        "name": name,
        "version": version,
        "description": metadata(name)["Summary"],
        "licenses": licenses(name),
        "purl": purl,
    }


def licenses(name: str) -> list[dict[str, Any]]:
    """Return the licence that a distribution names: an SPDX expression, or the name it has for it."""
    found = metadata(name)
    expression = found["License-Expression"]
    if expression:
        return [{"expression": expression}]
    classifiers = [
        one.rpartition(" :: ")[2]
        for one in found.get_all("Classifier", [])
        if one.startswith("License ::")
    ]
    # Some have the text of the licence in this field.
    line = (found["License"] or "").strip()
    names = classifiers if not line or "\n" in line else [line]
    return [{"license": {"name": one}} for one in names]


def dependency(name: str, refs: dict[str, str]) -> dict[str, Any]:
    """Return the entry of a distribution in the graph, for every platform and no extra."""
    required = {
        canonicalize_name(one.name)
        for one in map(Requirement, requires(name) or [])
        if "extra ==" not in str(one.marker)
    }
    return {
        "ref": refs[name],
        "dependsOn": sorted(refs[one] for one in required if one in refs),
    }


def sbom(lock: str, date: str) -> dict[str, Any]:
    """Return the document for a lock; `date` is that of the revision, in ISO 8601."""
    versions = locked_versions(lock)
    own = component("application", OWN, __version__)
    components = [component("library", name, version) for name, version in versions.items()]
    refs = {one["name"]: one["bom-ref"] for one in [own, *components]}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": uuid5(NAMESPACE_URL, own["purl"] + date + lock).urn,
        "version": 1,
        "metadata": {"timestamp": date, "component": own},
        "components": components,
        "dependencies": [dependency(name, refs) for name in refs],
    }


def main() -> None:
    """Write the document for requirements.lock."""
    # Without a repository, as in a source archive, there is no date.
    command = ["git", "-C", str(ROOT), "log", "-1", "--format=%cI"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    date = done.stdout.strip() or "1970-01-01T00:00:00Z"
    document = sbom((ROOT / "requirements.lock").read_text(encoding="utf-8"), date)
    Path(sys.argv[1]).write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
