"""An HTTP server with TLS, users and limits, as exporter-toolkit is for exporters in Go.

exceptions         the errors that a caller reports to the operator
read_file          small files, read without ever waiting
notify             messages to systemd
sockets            addresses, or what systemd passed -> listening sockets
negotiate          Accept headers -> format and compression of the response
server_metrics     what the server counts
tls_files          certificates and keys -> an SSL context
server_tls         settings of TLS -> an SSL context that follows their changes
yaml_parts         YAML with positions
web_config         the web configuration file -> settings
users              Authorization header -> whether it is a user's
connection_limits  which connections are closed
token_bucket       a rate limit with a burst
guard              applies the web configuration to each request
browsers           requests that pages of other sites send
connection         one connection
protection         puts limits, guard and browser checks before an application
accept             listening socket -> connections
listen             application and addresses -> a server

The package imports nothing else of this project; README.md has an example.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from exporter.toolkit.connection import limit_scrapes as limit_scrapes
    from exporter.toolkit.connection_limits import Limits as Limits
    from exporter.toolkit.exceptions import ListenError as ListenError
    from exporter.toolkit.exceptions import WebConfigError as WebConfigError
    from exporter.toolkit.listen import PASSED as PASSED
    from exporter.toolkit.listen import listening as listening
    from exporter.toolkit.negotiate import accepts_gzip as accepts_gzip
    from exporter.toolkit.negotiate import choose_format as choose_format
    from exporter.toolkit.notify import supervisor_of as supervisor_of
    from exporter.toolkit.protection import protect as protect
    from exporter.toolkit.server_metrics import ServerMetrics as ServerMetrics
    from exporter.toolkit.sockets import parse_address as parse_address
    from exporter.toolkit.web_config import WebConfigFile as WebConfigFile

# Imported when it is used: aiohttp takes a fifth of a second, which a command that checks an
# address or reads a certificate need not wait for.
_MODULES = {
    "Limits": "connection_limits",
    "ListenError": "exceptions",
    "PASSED": "listen",
    "ServerMetrics": "server_metrics",
    "WebConfigError": "exceptions",
    "WebConfigFile": "web_config",
    "accepts_gzip": "negotiate",
    "choose_format": "negotiate",
    "limit_scrapes": "connection",
    "listening": "listen",
    "parse_address": "sockets",
    "protect": "protection",
    "supervisor_of": "notify",
}
__all__ = [*_MODULES]  # noqa: PLE0604 - they are names


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
