"""`healthcheck`: requests the health of a running exporter; prints a line and sets the exit code.

It runs every few seconds, often within the limits of a container, so it imports little.
"""

import http.client
import socket
import ssl
from urllib.parse import SplitResult, urlsplit

from exporter.cli.options import Arguments
from exporter.errors import ConfigError, ExporterError

_SECONDS = 5.0
_MAX_BYTES = 300
_UNIX = "unix:"


class _UnixConnection(http.client.HTTPConnection):
    """A connection to the socket at a path."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=_SECONDS)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def run(arguments: Arguments) -> int:
    """Run the command."""
    url = arguments.exporter_url
    path = "/-/ready" if arguments.ready else "/-/healthy"
    base, connection = _connection(arguments)
    try:
        connection.request("GET", f"{base}{path}")
        answer = connection.getresponse()
        text = answer.read(_MAX_BYTES).decode(errors="replace")
    except ssl.SSLCertVerificationError as error:
        message = f"{error.verify_message}; --insecure accepts any certificate"
        raise ExporterError(f"{url}: {message}") from None
    except TimeoutError:
        raise ExporterError(f"{url}: no answer within {_SECONDS:g} s") from None
    except OSError as error:
        raise ExporterError(f"{url}: {error.strerror or error}") from None
    except http.client.HTTPException as error:
        raise ExporterError(f"{url}: not an answer in HTTP ({type(error).__name__})") from None
    finally:
        connection.close()
    # Another program may have answered: print only one line, without control characters.
    said = "".join(one for one in text.partition("\n")[0] if one.isprintable())
    if answer.status != http.client.OK:
        raise ExporterError(f"{url}: {answer.status}: {said}")
    print(said)
    return 0


def _connection(arguments: Arguments) -> tuple[str, http.client.HTTPConnection]:
    """Return the base path of the URL, and an unopened connection to its host.

    Raises:
        ConfigError: The URL is invalid.
    """
    url = arguments.exporter_url
    if url.startswith(_UNIX):
        if not url.startswith("unix:/"):
            raise ConfigError((f"--url: {url} is not a socket such as unix:/run/x.sock",))
        return "", _UnixConnection(url.removeprefix(_UNIX))
    parts = _split(url)
    assert parts.hostname  # noqa: S101 - checked by _split
    base = parts.path.rstrip("/")
    if parts.scheme == "http":
        return base, http.client.HTTPConnection(parts.hostname, parts.port, timeout=_SECONDS)
    return base, http.client.HTTPSConnection(
        parts.hostname, parts.port, timeout=_SECONDS, context=_context(arguments)
    )


def _context(arguments: Arguments) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if arguments.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if arguments.cert_file:
        try:
            # Without a password, OpenSSL would ask for one at the terminal.
            context.load_cert_chain(arguments.cert_file, arguments.key_file, password="")
        except (OSError, ValueError):
            files = f"{arguments.cert_file} and {arguments.key_file or 'no key of its own'}"
            raise ConfigError((f"--cert-file: {files} are no certificate with its key",)) from None
    return context


def _split(url: str) -> SplitResult:
    # The message omits the URL, as it may contain a password.
    fault = ConfigError(("--url: not a URL such as http://127.0.0.1:10125 or unix:/path",))
    try:
        parts = urlsplit(url)
        # Reading the port checks it.
        wrong = not parts.hostname or parts.port == 0
        # Look-ups encode the name, which fails for empty or overlong labels.
        (parts.hostname or "").encode("idna")
    except ValueError:
        raise fault from None
    if wrong or parts.scheme not in {"http", "https"} or "@" in parts.netloc or parts.query:
        raise fault
    if not url.isascii() or not url.isprintable() or " " in url:
        raise fault
    return parts
