"""The TLS settings of each moment go in; connections that are made by the newest of them come out."""

import ssl
from collections.abc import Callable
from typing import Any, Self

from exporter.toolkit.server_tls import digests_of, make_server_context
from exporter.toolkit.web_settings import ServerTls


class Certificates(ssl.SSLContext):
    """A server's context that has each new connection made by one of the newest settings.

    Itself it has no certificate. Where the settings or their files cannot be used it makes the
    connection all the same, whose handshake then fails: there is no way past it. Sessions belong
    to the context they were made in: none is taken up again once the settings have changed.
    """

    def __new__(cls, *_: object) -> Self:
        """Make a context for servers."""
        return super().__new__(cls, ssl.PROTOCOL_TLS_SERVER)

    def __init__(
        self, current: Callable[[], ServerTls | None], tell: Callable[[str | None], None]
    ) -> None:
        """Make one; `tell` is called with the fault at each handshake, None if there is none."""
        self._read = current
        self._tell = tell
        self._made: ssl.SSLContext | None = None
        self._made_of: tuple[ServerTls, tuple[bytes, ...]] | None = None

    def wrap_bio(self, *arguments: Any, **named: Any) -> ssl.SSLObject:
        """Make the connection; event loops call this for each one that is accepted."""
        context = self._newest()
        if context is None:
            return super().wrap_bio(*arguments, **named)
        return context.wrap_bio(*arguments, **named)

    def _newest(self) -> ssl.SSLContext | None:
        tls = self._read()
        if tls is None:
            return None
        made_of = (tls, digests_of(tls))
        if self._made is None or made_of != self._made_of:
            try:
                self._made = make_server_context(tls)
            except ValueError as error:
                self._made = None
                self._tell(str(error))
                return None
            self._made_of = made_of
        self._tell(None)
        return self._made
