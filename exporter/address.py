"""An address to listen on, as exporters write them, becomes host and port."""

from exporter.errors import ConfigError

_HIGHEST_PORT = 65535


def parse_address(address: str) -> tuple[str | None, int]:
    """Split `:10125`, `127.0.0.1:10125` or `[::1]:10125` into host and port.

    Raises:
        ConfigError: It is none of these.
    """
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal() or not port.isascii() or int(port) > _HIGHEST_PORT:
        raise ConfigError((f"{address}: not an address such as :10125 or 127.0.0.1:10125",))
    return host.removeprefix("[").removesuffix("]") or None, int(port)
