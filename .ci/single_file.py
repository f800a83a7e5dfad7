"""Unpacks the program into its user's cache and runs it: the `__main__` of the single file.

Python cannot import compiled modules from a zip archive. Each build and each version of Python has
its own folder in the cache, so only the first start takes a second longer.
"""

# Python 3.7 can read this file, so that an old one gets a message and not a traceback.
from __future__ import annotations

import hashlib
import os
import shutil
import sys
import sysconfig
import tempfile
from pathlib import Path
from zipfile import ZipFile

COMPILED = ".cpython-"
"""What the name of a module that was compiled for one version of Python contains."""


def main() -> int:
    """Run the program and return its exit code; unpack it before that if necessary."""
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    with ZipFile(sys.path[0]) as archive:
        names = archive.namelist()
        needed = [name for name in names if COMPILED not in name or name.endswith(suffix)]
        if not any(COMPILED in name for name in needed):
            supported = sorted({name.split(".")[-2] for name in names if COMPILED in name})
            sys.exit(
                f"status-exporter: this Python is {suffix.split('.')[1]}, and this file is for"
                f" {', '.join(supported)}"
            )
        checksums = repr([(one.filename, one.CRC) for one in archive.infolist()])
        build = hashlib.sha256(checksums.encode()).hexdigest()[:16]
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
        folder = cache / "status-exporter" / f"{build}-{sys.implementation.cache_tag}"
        try:
            folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Another owner could replace the program, as in a cache below /tmp.
            if folder.parent.stat().st_uid != os.geteuid():
                sys.exit(
                    f"status-exporter: {folder.parent} belongs to another user; set XDG_CACHE_HOME"
                    " to another folder"
                )
            if not folder.is_dir():
                unpack(archive, needed, folder)
        except OSError as error:
            sys.exit(
                f"status-exporter: cannot unpack into {folder}: {error.strerror}; set"
                " XDG_CACHE_HOME to another folder"
            )
    sys.path[0] = str(folder)
    from exporter.cli import main as run_program  # noqa: PLC0415 - from the folder

    return run_program()


def unpack(archive: ZipFile, names: list[str], folder: Path) -> None:
    """Unpack files into a folder, which has all of them from the moment that it exists."""
    work = Path(tempfile.mkdtemp(dir=folder.parent))
    try:
        archive.extractall(work, names)
        work.rename(folder)
    except OSError:
        shutil.rmtree(work, ignore_errors=True)
        # Another process was first.
        if not folder.is_dir():
            raise


if __name__ == "__main__":
    sys.exit(main())
