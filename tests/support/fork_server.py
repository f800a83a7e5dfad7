"""A process that has imported the whole program and forks for each run of it.

Importing takes most of the time of a short command; here each worker of the tests does it once.
An order is a message of JSON on the socket of standard input, with what becomes the standard
output and error of the run; the answer is its exit code.
"""

import json
import os
import pkgutil
import socket
import sys
from importlib import import_module
from typing import Any

import exporter.cli


def take_order(orders: socket.socket) -> dict[str, Any] | None:
    """Fork for the next order; return it in the child, and None at the end of orders."""
    while True:
        message, streams, _, _ = socket.recv_fds(orders, 2**20, 2)
        if not message:
            return None
        child = os.fork()
        if child == 0:
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            for number, stream in enumerate(streams, 1):
                os.dup2(stream, number)
            order: dict[str, Any] = json.loads(message)
            return order
        for stream in streams:
            os.close(stream)
        _, status = os.waitpid(child, 0)
        orders.send(json.dumps(os.waitstatus_to_exitcode(status)).encode())


def main() -> int:
    """Serve orders, each in a child."""
    for module in pkgutil.iter_modules(exporter.cli.__path__, "exporter.cli."):
        import_module(module.name)
    with socket.socket(fileno=os.dup(0)) as orders:
        order = take_order(orders)
    if order is None:
        return 0
    os.environ.clear()
    os.environ.update(order["environment"])
    os.chdir(order["folder"])
    return exporter.cli.main(order["arguments"])


if __name__ == "__main__":
    sys.exit(main())
