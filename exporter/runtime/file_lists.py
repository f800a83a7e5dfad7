"""The files of a file_sd go in; their targets come out whenever one of them has changed.

Each file is a list of its own: one that is bad keeps what it held before, one that is gone takes
its targets with it. Files are known by their inode, size and time, so that a rename is seen.
"""

import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from exporter.errors import ConfigError, ListError
from exporter.runtime.daemon import in_daemon_thread
from exporter.runtime.target_builder import BuiltTargets, ListResult, Owns, TargetBuilder, combine
from exporter.runtime.target_groups import LARGEST_LIST, ListText
from exporter.settings import FileSd, Template
from exporter.text import CUT, printable
from exporter.toolkit.read_file import read_file

LOOK_SECONDS = 2.0
"""Between two looks at the files."""

MAX_FAULT = 500
"""Characters of a fault that are shown: a key or item may have a megabyte."""

_Seen = tuple[int, int, int] | None


class _ListFile:
    """One file as it was read last."""

    def __init__(self, builder: TargetBuilder) -> None:
        self.builder = builder
        self.seen: _Seen = None
        self.built = BuiltTargets()
        self.fault = ""


class FileLists:
    """The lists of one file_sd."""

    def __init__(
        self, source: FileSd, template: Template, owns: Owns, pause: float = LOOK_SECONDS
    ) -> None:
        self.pause = min(pause, source.refresh_interval)
        self._source = source
        self._template = template
        self._owns = owns
        self._files: dict[str, _ListFile] = {}
        self._all_read = float("-inf")

    async def look(self) -> ListResult:
        """Look whether a file has changed, and read those that have."""
        return await in_daemon_thread(self._look)

    def _look(self) -> ListResult:
        now = time.monotonic()
        # As in Prometheus, everything is read again at times, whatever the file system says.
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
            built = self._together(order)
        faults = {path: file.fault for path, file in self._files.items() if file.fault}
        return ListResult(built=built, faults=faults, failures=failed)

    def _paths(self) -> Iterator[str]:
        for pattern in map(Path, self._source.files):
            yield from sorted(str(path) for path in pattern.parent.glob(pattern.name))

    def _is_new(self, path: str, seen: _Seen) -> bool:
        known = self._files.get(path)
        return known is None or known.seen != seen

    def _read(self, path: str, seen: _Seen) -> bool:
        """Read the file, and say whether it is refused."""
        file = self._files.setdefault(path, _ListFile(TargetBuilder(self._template, self._owns)))
        try:
            text = ListText(
                read_file(Path(path), LARGEST_LIST), path, is_yaml=not path.lower().endswith("json")
            )
            try:
                file.built = file.builder.build(text.groups())
            except ListError as error:
                raise ConfigError(text.told(error)) from None
        except OSError as error:
            file.fault = f"{path}: {error.strerror}"
        except ValueError as error:
            file.fault = f"{path}: {error}"
        except ConfigError as error:
            file.fault = summary(error.faults)
        else:
            file.fault = ""
        # Of a file that was written meanwhile, the next look reads the whole.
        file.seen = seen if _seen(path) == seen else None
        return bool(file.fault)

    @staticmethod
    def _together(files: Iterator[_ListFile]) -> BuiltTargets:
        parts = [file.built for file in files]
        both = combine(chain.from_iterable(part.targets.values() for part in parts))
        repeated = chain(both.repeated, *(part.repeated for part in parts))
        return BuiltTargets(targets=both.targets, repeated=tuple(repeated))


def _seen(path: str) -> _Seen:
    try:
        now = Path(path).stat()
    except OSError:
        return None  # It went since the pattern found it.
    return now.st_mtime_ns, now.st_size, now.st_ino


def summary(faults: tuple[str, ...]) -> str:
    """Write faults in one line that can be shown: the first, and how many more there are."""
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    first = faults[0]
    if len(first) > MAX_FAULT:
        first = f"{first[:MAX_FAULT]}{CUT}"
    return printable(f"{first}{more}")
