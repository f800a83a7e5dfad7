"""Reads the target lists of a file_sd whenever one of its files has changed.

Each file is a separate list. A file with faults keeps its previous targets; the targets of a deleted
file are removed. Changes are detected by inode, size and modification time, so that a renamed file
is read, too.
"""

import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from exporter.errors import ConfigError, ListError
from exporter.runtime.daemon import in_daemon_thread
from exporter.runtime.target_builder import BuiltTargets, ListResult, Owns, TargetBuilder, combine
from exporter.runtime.target_groups import MAX_LIST_SIZE, ListText
from exporter.settings import FileSd, Template
from exporter.text import CUT, printable
from exporter.toolkit.read_file import read_file

CHECK_SECONDS = 2.0
"""Seconds between two checks of the files."""

MAX_FAULT = 500
"""Characters of a fault that are shown: a key or an item may have a megabyte."""

_Seen = tuple[int, int, int] | None


class _ListFile:
    """One file, and the targets that were last read from it."""

    def __init__(self, builder: TargetBuilder) -> None:
        self.builder = builder
        self.seen: _Seen = None
        self.built = BuiltTargets()
        self.fault = ""


class FileLists:
    """The lists of one file_sd."""

    def __init__(
        self, source: FileSd, template: Template, owns: Owns, pause: float = CHECK_SECONDS
    ) -> None:
        self.pause = min(pause, source.refresh_interval)
        self._source = source
        self._template = template
        self._owns = owns
        self._files: dict[str, _ListFile] = {}
        self._all_read = float("-inf")

    async def refresh(self) -> ListResult:
        """Check which files have changed, and read those."""
        return await in_daemon_thread(self._refresh)

    def _refresh(self) -> ListResult:
        now = time.monotonic()
        # As in Prometheus, all files are read again at times, even if they seem unchanged.
        everything = now - self._all_read >= self._source.refresh_interval
        if everything:
            self._all_read = now
        found = {path: seen for path in self._paths() if (seen := _seen(path))}
        gone = self._files.keys() - found.keys()
        for path in gone:
            del self._files[path]
        read = [path for path, seen in found.items() if everything or self._is_new(path, seen)]
        failed = sum(self._read(path, found[path]) for path in read)
        built = None
        if gone or read:
            order = (self._files[path] for path in found if path in self._files)
            built = self._combined(order)
        faults = {path: file.fault for path, file in self._files.items() if file.fault}
        return ListResult(built=built, faults=faults, failures=failed)

    def _paths(self) -> Iterator[str]:
        for pattern in map(Path, self._source.files):
            yield from sorted(str(path) for path in pattern.parent.glob(pattern.name))

    def _is_new(self, path: str, seen: _Seen) -> bool:
        known = self._files.get(path)
        return known is None or known.seen != seen

    def _read(self, path: str, seen: _Seen) -> bool:
        """Read the file, and return whether it is refused."""
        file = self._files.setdefault(path, _ListFile(TargetBuilder(self._template, self._owns)))
        try:
            text = ListText(
                read_file(Path(path), MAX_LIST_SIZE),
                path,
                is_yaml=not path.lower().endswith("json"),
            )
            try:
                file.built = file.builder.build(text.groups())
            except ListError as error:
                raise ConfigError(text.format_faults(error)) from None
        except OSError as error:
            file.fault = f"{path}: {error.strerror}"
        except ValueError as error:
            file.fault = f"{path}: {error}"
        except ConfigError as error:
            file.fault = summary(error.faults)
        else:
            file.fault = ""
        # If the file was written meanwhile, the next check reads it again.
        file.seen = seen if _seen(path) == seen else None
        return bool(file.fault)

    @staticmethod
    def _combined(files: Iterator[_ListFile]) -> BuiltTargets:
        parts = [file.built for file in files]
        both = combine(chain.from_iterable(part.targets.values() for part in parts))
        repeated = chain(both.repeated, *(part.repeated for part in parts))
        return BuiltTargets(targets=both.targets, repeated=tuple(repeated))


def _seen(path: str) -> _Seen:
    try:
        now = Path(path).stat()
    except OSError:
        return None  # It was deleted after the pattern matched it.
    return now.st_mtime_ns, now.st_size, now.st_ino


def summary(faults: tuple[str, ...]) -> str:
    """Return one printable line: the first fault, and the number of the others."""
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    first = faults[0]
    if len(first) > MAX_FAULT:
        first = f"{first[:MAX_FAULT]}{CUT}"
    return printable(f"{first}{more}")
