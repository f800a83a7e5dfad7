"""A web configuration file becomes WebSettings again and again, or every fault of it at once."""

from pathlib import Path

from exporter.config.load import validated
from exporter.declare.document import Document
from exporter.errors import ConfigError
from exporter.secret import read_file
from exporter.toolkit.server_tls import LARGEST_FILE
from exporter.toolkit.web_config import WebFileModel
from exporter.toolkit.web_settings import WebSettings
from exporter.toolkit.web_values import WebContext


class WebFile:
    """A web configuration file that is looked at again and again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._content: bytes | None = None
        self._outcome: WebSettings | ConfigError = WebSettings()

    def check(self) -> None:
        """Check all there is to check, certificates and keys too.

        Raises:
            ConfigError: Every fault of it, each with its line and column.
        """
        _load(_read(self._path), self._path, certificates=True)

    def read(self) -> WebSettings:
        """Return what the file says now, the same object for as long as that stays.

        Certificates are not looked at: whoever uses them does that.

        Raises:
            ConfigError: The file cannot be read, or every fault of it.
        """
        # A thousand bytes are read as fast as a changed file is told by its time, and for certain.
        content = _read(self._path)
        if self._content and not content.strip():
            # An editor that empties the file before it writes must not open the door meanwhile.
            raise ConfigError((f"{self._path}: the file has become empty",))
        if content != self._content:
            try:
                self._outcome = _load(content, self._path, certificates=False)
            except ConfigError as error:
                self._outcome = error
            self._content = content
        if isinstance(self._outcome, ConfigError):
            raise ConfigError(self._outcome.faults)
        return self._outcome


def _read(path: Path) -> bytes:
    try:
        return read_file(path, LARGEST_FILE)
    except (OSError, ValueError) as error:
        raise ConfigError((f"{path}: {getattr(error, 'strerror', None) or error}",)) from None


def _load(content: bytes, path: Path, *, certificates: bool) -> WebSettings:
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise ConfigError((f"{path}: not UTF-8 at byte {error.start}",)) from None
    document = Document(text, str(path))
    context = WebContext(folder=path.parent, certificates=certificates)
    return validated(WebFileModel, document.data, document, context).make()
