"""Records in an archive which revision it was built from, and of which day; Hatchling calls it."""

import subprocess
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

RECORD = "exporter/revision.txt"


def revision_of(root: Path) -> str | None:
    """Return the checked-out revision of a repository and its date; None if it is not one."""
    if not (root / ".git").exists():
        return None
    command = ["git", "-C", str(root), "log", "-1", "--format=%H %cs"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout


class RecordRevision(BuildHookInterface[Any]):
    """Adds the record, unless it is there already, as in a source archive."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the file to what is built."""
        root = Path(self.root)
        revision = revision_of(root)
        # The sources of an editable installation change.
        if version == "editable" or revision is None or (root / RECORD).exists():
            return
        with NamedTemporaryFile("w", prefix="revision-", delete=False) as file:
            file.write(revision)
        self._file = Path(file.name)
        self._file.chmod(0o644)
        build_data["force_include"][file.name] = RECORD

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove the file, now that it is in the archive."""
        del version, build_data, artifact_path
        if hasattr(self, "_file"):
            self._file.unlink()
