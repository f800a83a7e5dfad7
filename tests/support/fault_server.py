"""Serves each fault at a separate port, in a separate process; lines on stdin break and repair them.

`break` and `repair` on standard input, each answered by `done`; the first line on standard output
is JSON: the port of each fault, and the CA to trust. It ends with its input.
"""

import asyncio
import json
import socket
import ssl
import struct
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import count

import trustme

from support.fault_catalog import Fault, Listens, Then, tried
from support.vendor import HEALTHY, response

HOST = "127.0.0.1"
GOOD, SECURE = "good", "good, over TLS"
_XML_HEALTHY = response(b'{"state":{"value":"active"}}')


class Place:
    """A port that works until it is broken."""

    def __init__(self, fault: Fault | None, *, secure: bool, contexts: "Contexts") -> None:
        self._fault = fault
        self._secure = secure
        self._contexts = contexts
        self._asked = count()
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self.broken = False
        # Reserves the port while nothing listens on it.
        self._reserved = _bound(0)
        self.port = int(self._reserved.getsockname()[1])

    async def turn(self, *, broken: bool) -> None:
        """Break or repair the port."""
        before, after = self._listens(), self._listens(broken and self._fault is not None)
        self.broken = broken and self._fault is not None
        for writer in self._open if self.broken else ():
            writer.close()  # On a persistent connection a vendor may continue to answer.
        if self._server is not None and before is not after:
            self._server.close()
            self._server = None
        if self._server is None and after is not Listens.NOTHING:
            self._server = await asyncio.start_server(
                self._connected,
                sock=_bound(self.port),
                backlog=1024,
                ssl=self._contexts[after] if after is not Listens.HTTP else None,
            )

    def _listens(self, broken: bool | None = None) -> Listens:
        if self._fault and (self.broken if broken is None else broken):
            return self._fault.listens
        return Listens.TLS if self._secure else Listens.HTTP

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A client may disconnect, or still wait when the server ends.
        self._open.add(writer)
        with suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            await self._serve(reader, writer)
        self._open.discard(writer)
        writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            fault = self._fault if self.broken else None
            if fault is None or fault.asks_first:
                await reader.readuntil(b"\r\n\r\n")
                fault = self._fault if self.broken else None
            if fault is None:
                is_ucs = self._fault is None or self._fault.system == "genesys_ucs"
                writer.write(HEALTHY if is_ucs else _XML_HEALTHY)
                await writer.drain()
                continue
            writer.write(fault.answers[next(self._asked) % len(fault.answers)])
            while fault.piece:
                writer.write(fault.piece)
                await writer.drain()
                await asyncio.sleep(fault.pause)
            await writer.drain()
            if fault.then is Then.WAIT:
                await reader.read()
            if fault.then is Then.RESET:
                await asyncio.sleep(fault.pause)
                _reset(writer)
            if fault.then is not Then.KEEP:
                return


Contexts = dict[Listens, ssl.SSLContext]


def _bound(port: int) -> socket.socket:
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.bind((HOST, port))
    return one


def _reset(writer: asyncio.StreamWriter) -> None:
    # Closing with a linger time of 0 sends RST instead of FIN.
    writer.get_extra_info("socket").setsockopt(
        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
    )
    writer.transport.abort()


def _contexts(authority: trustme.CA) -> Contexts:
    today = datetime.now(UTC)
    certificates = {
        Listens.TLS: authority.issue_cert(HOST),
        Listens.EXPIRED: authority.issue_cert(
            HOST, not_before=today - timedelta(days=9), not_after=today - timedelta(days=1)
        ),
        Listens.OTHER_HOST: authority.issue_cert("ucs.example.com"),
        Listens.OTHER_CA: trustme.CA().issue_cert(HOST),
    }
    contexts: Contexts = {}
    for listens, certificate in certificates.items():
        contexts[listens] = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        certificate.configure_cert(contexts[listens])
    return contexts


async def main() -> None:
    """Serve until the input ends."""
    # Clients abort handshakes on purpose.
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    authority = trustme.CA()
    contexts = _contexts(authority)
    places = {
        name: Place(fault, secure=fault.secure, contexts=contexts)
        for name, fault in tried().items()
    }
    places[GOOD] = Place(None, secure=False, contexts=contexts)
    places[SECURE] = Place(None, secure=True, contexts=contexts)
    for place in places.values():
        await place.turn(broken=False)
    ports = {name: place.port for name, place in places.items()}
    _say(json.dumps({"ports": ports, "ca": authority.cert_pem.bytes().decode()}))
    while line := await asyncio.to_thread(sys.stdin.readline):
        for place in places.values():
            await place.turn(broken=line == "break\n")
        _say("done")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main())
