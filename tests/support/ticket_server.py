"""A TLS server that sends session tickets almost without end: `python -m support.ticket_server CA`.

It writes its authority to the file CA and its port to standard output, and runs until it is killed.
"""

import socket
import ssl
import sys
import threading
from contextlib import suppress

import trustme

_TICKETS = 1_000_000
HOST = "127.0.0.1"


def _serve(connection: socket.socket, context: ssl.SSLContext) -> None:
    with suppress(OSError), context.wrap_socket(connection, server_side=True) as tls:
        tls.recv(1)


def main() -> None:
    """Accept connections, each in a thread."""
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(HOST).configure_cert(context)
    context.num_tickets = _TICKETS
    authority.cert_pem.write_to_path(sys.argv[1])
    listener = socket.create_server((HOST, 0), backlog=100)
    print(listener.getsockname()[1], flush=True)  # noqa: T201 - for the test that started it
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=_serve, args=(connection, context), daemon=True).start()


if __name__ == "__main__":
    main()
