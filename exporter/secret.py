"""A text whose `repr` is `<secret>`; only `reveal` returns it."""

import os
from pathlib import Path

from exporter.errors import PollError, Reason
from exporter.toolkit.read_file import read_file


class Secret:
    """A secret from the configuration, the environment, or a file.

    A file is read again when it changes: credentials rotate without a restart.
    """

    __slots__ = ("_file", "_seen", "_value", "is_plain")

    def __init__(
        self, value: str = "", *, file: Path | None = None, is_plain: bool = False
    ) -> None:
        """If `is_plain`, the value is public, such as a user name, and is not redacted."""
        self._value = value
        self.is_plain = is_plain
        self._file = file
        self._seen: tuple[int, int, int] | None = None

    def __repr__(self) -> str:
        return "<secret>"

    def __eq__(self, other: object) -> bool:
        # Files are compared by path: their content may change at any time.
        return (
            isinstance(other, Secret)
            and self._file == other._file
            and (self._file is not None or self._value == other._value)
        )

    def __hash__(self) -> int:
        return hash(self._file if self._file is not None else self._value)

    def reveal(self) -> str:
        """Return the secret, without the line end of a file.

        Raises:
            PollError: The file cannot be read, is empty, or is not UTF-8.
        """
        if self._file is None:
            return self._value
        try:
            now = os.stat(self._file)  # noqa: PTH116 - called for each poll; Path costs ten times as much
            seen = (now.st_mtime_ns, now.st_size, now.st_ino)
            if seen != self._seen:
                self._value = read_file(self._file).decode().rstrip("\r\n")
                self._seen = seen
        except OSError as error:
            raise PollError(Reason.CREDENTIALS, f"{self._file}: {error.strerror}") from None
        except UnicodeDecodeError:
            raise PollError(Reason.CREDENTIALS, f"{self._file}: not UTF-8 text") from None
        except ValueError as error:
            raise PollError(Reason.CREDENTIALS, f"{self._file}: {error}") from None
        if not self._value:
            raise PollError(Reason.CREDENTIALS, f"{self._file}: the file is empty")
        return self._value
