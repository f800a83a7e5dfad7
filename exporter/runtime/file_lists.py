"""Reads the files of a file_sd, and returns their targets whenever one of the files has changed.

Each file is a separate list: a bad file keeps its previous targets, a deleted file loses them. A
change is noticed by inode, size and time, so that a rename counts as one. The number of files and
the size of all lists together are bounded.
"""

import time
from collections.abc import Collection, Iterable, Iterator
from itertools import chain, islice
from pathlib import Path

from exporter.errors import ConfigError, ListError
from exporter.runtime.daemon import in_daemon_thread
from exporter.runtime.target_builder import BuiltTargets, ListResult, Owns, TargetBuilder, combine
from exporter.runtime.target_groups import (
    MAX_FAULT,
    MAX_LABELS_SIZE,
    MAX_LIST_SIZE,
    MAX_PARTS,
    ListText,
    TargetGroup,
)
from exporter.settings import FileSd, Template
from exporter.text import CUT, printable
from exporter.toolkit.read_file import read_file

# Between two checks of the files.
_CHECK_SECONDS = 2.0

MAX_FILES = 10_000
"""Files of a file_sd: to check so many for changes takes a tenth of a second."""

_Stamp = tuple[int, int, int] | None


class _ListFile:
    """The last state of one file."""

    def __init__(self, builder: TargetBuilder) -> None:
        self.builder = builder
        self.stamp: _Stamp = None
        self.built = BuiltTargets()
        self.share = 0.0
        """Of the limits for all files, from 0 to 1."""
        self.fault = ""


class FileLists:
    """The lists of one file_sd."""

    def __init__(self, source: FileSd, template: Template, owns: Owns) -> None:
        self.pause = min(_CHECK_SECONDS, source.refresh_interval)
        """Seconds between two refreshes."""
        self._source = source
        self._template = template
        self._owns = owns
        self._files: dict[str, _ListFile] = {}
        self._all_read = float("-inf")
        self._has_too_many = False
        self._shares = 0.0

    async def refresh(self) -> ListResult:
        """Read the files that have changed since the last call."""
        return await in_daemon_thread(self._refresh)

    def _refresh(self) -> ListResult:
        now = time.monotonic()
        # As in Prometheus, all files are read again at times, even if they seem unchanged.
        everything = now - self._all_read >= self._source.refresh_interval
        if everything:
            self._all_read = now
        paths = tuple(islice(self._paths(), MAX_FILES + 1))
        if len(paths) > MAX_FILES:
            return self._too_many(is_new=everything or not self._has_too_many)
        self._has_too_many = False
        found = {path: stamp for path in paths if (stamp := _stamp(path))}
        gone = self._files.keys() - found.keys()
        for path in gone:
            del self._files[path]
        self._shares = sum(file.share for file in self._files.values())
        changed = [path for path, stamp in found.items() if everything or self._is_new(path, stamp)]
        failed = sum(self._read(path, found[path]) for path in changed)
        built = None
        if gone or changed:
            built = _combined(self._files[path] for path in found if path in self._files)
        return ListResult(built=built, faults=self._faults(), failures=failed)

    def _paths(self) -> Iterator[str]:
        for pattern in map(Path, self._source.files):
            yield from sorted(map(str, islice(pattern.parent.glob(pattern.name), MAX_FILES + 1)))

    def _too_many(self, *, is_new: bool) -> ListResult:
        """Refuse all files, so that the targets of the last good check stay."""
        self._has_too_many = True
        patterns = ", ".join(self._source.files)
        fault = summary((f"{patterns}: more than {MAX_FILES} files; put several targets into one",))
        return ListResult(faults={patterns: fault, **self._faults()}, failures=int(is_new))

    def _faults(self) -> dict[str, str]:
        return {path: file.fault for path, file in self._files.items() if file.fault}

    def _is_new(self, path: str, stamp: _Stamp) -> bool:
        known = self._files.get(path)
        return known is None or known.stamp != stamp

    def _read(self, path: str, stamp: _Stamp) -> bool:
        """Read the file, and return whether it is refused."""
        file = self._files.setdefault(path, _ListFile(TargetBuilder(self._template, self._owns)))
        file.fault = ""
        try:
            self._build(path, file)
        except OSError as error:
            file.fault = f"{path}: {error.strerror}"
        except ValueError as error:
            file.fault = f"{path}: {error}"
        except ConfigError as error:
            file.fault = summary(error.faults)
        # A file that was written during the read is read again next time.
        file.stamp = stamp if _stamp(path) == stamp else None
        return bool(file.fault)

    def _build(self, path: str, file: _ListFile) -> None:
        content = read_file(Path(path), MAX_LIST_SIZE)
        text = ListText(content, path, is_yaml=not path.lower().endswith("json"))
        try:
            groups = text.groups()
            shares = self._shares - file.share + (share := _share_of_limits(groups))
            if shares > 1:
                limits = (
                    f"{MAX_PARTS} targets and labels, or {MAX_LABELS_SIZE} characters of labels"
                )
                raise ConfigError((f"{path}: all files together have more than {limits}",))
            file.built = file.builder.build(groups)
        except ListError as error:
            raise ConfigError(text.format_faults(error)) from None
        self._shares, file.share = shares, share


def _share_of_limits(groups: Collection[TargetGroup]) -> float:
    """Return how much the list takes of the limits that apply to all files together."""
    parts = sum(1 + len(group.items) + len(group.labels) for group in groups)
    return max(parts / MAX_PARTS, sum(group.labels_size for group in groups) / MAX_LABELS_SIZE)


def _combined(files: Iterable[_ListFile]) -> BuiltTargets:
    parts = [file.built for file in files]
    both = combine(chain.from_iterable(part.targets.values() for part in parts))
    repeated = chain(both.repeated, *(part.repeated for part in parts))
    return BuiltTargets(targets=both.targets, repeated=tuple(repeated))


def _stamp(path: str) -> _Stamp:
    try:
        now = Path(path).stat()
    except OSError:
        return None  # Deleted since the pattern matched it.
    return now.st_mtime_ns, now.st_size, now.st_ino


def summary(faults: tuple[str, ...]) -> str:
    """Return one printable line: the first fault, and how many more there are."""
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    first = faults[0]
    if len(first) > MAX_FAULT:
        first = f"{first[:MAX_FAULT]}{CUT}"
    return printable(f"{first}{more}")
