"""An address to listen on, as exporters write them, becomes host and port, or a path."""

from pathlib import Path

from exporter.errors import ConfigError

_HIGHEST_PORT = 65535
_UNIX = "unix:"


def parse_address(address: str) -> tuple[str | None, int] | Path:
    """Split `:10125`, `127.0.0.1:10125` or `[::1]:10125`; of `unix:/path` return the path.

    Raises:
        ConfigError: It is none of these.
    """
    if address.startswith(_UNIX):
        path = address.removeprefix(_UNIX)
        if not path.startswith("/") or path.endswith("/") or "\0" in path:
            raise ConfigError((f"{address}: not a socket such as unix:/run/status-exporter.sock",))
        return Path(path)
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal() or not port.isascii() or int(port) > _HIGHEST_PORT:
        raise ConfigError((f"{address}: not an address such as :10125 or 127.0.0.1:10125",))
    return host.removeprefix("[").removesuffix("]") or None, int(port)
