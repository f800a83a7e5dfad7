"""A fast status server on loopback: every request gets ten fields, of which some always change.

`python server.py PORT` listens on every loopback address, so that a crowd of targets can each
have a connection of its own. `GET /count` tells how many status requests there were.
"""

import asyncio
import socket
import sys

import uvloop

BODY = (
    b'{"server":{"active":1,"allocated_uuid":"6f1f6f0e-2f0b-4f5e-9d3a-0a6b2a1c7d11",'
    b'"admin_locked":0,"country_code":"GB","game_port":9000,"ip":"192.0.2.15","locationid":"12",'
    b'"machineid":40231,"name":"eu-west #17","profileid":991,"query_port":"9010",'
    b'"serverid":1200345,"query_info":{"players":%d,"max_players":64,"map":"de_harbour",'
    b'"status":"InMatch","name":"eu-west #17"}}}'
)
UCS = (
    b'{"max_memory":1037952,"server_errors_today":2,"client_errors_today":41,"request_today":%d,'
    b'"system_time":"2024-03-18T09:12:44.108Z","used_memory":%d,"allocated_memory":786432,'
    b'"started":"2024-03-11T22:00:03.517Z","free_memory":384314,'
    b'"last_request":"2024-03-18T09:12:43.992Z","mode":"production","version":"8.5.300.21"}'
)


class Status(asyncio.Protocol):
    """Answers each request by its end; what it asks for hardly matters."""

    asked = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.pending = b""

    def data_received(self, data: bytes) -> None:
        self.pending += data
        while (end := self.pending.find(b"\r\n\r\n")) >= 0:
            head, self.pending = self.pending[:end], self.pending[end + 4 :]
            if head.startswith(b"GET /count "):
                body = b"%d" % Status.asked
            else:
                Status.asked += 1
                n = Status.asked
                body = UCS % (n, 300000 + n % 1000) if b"/server/status" in head else BODY % (n % 64)
            self.transport.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
                % (len(body), body)
            )


async def main(port: int) -> None:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Every address of 127.0.0.0/8, and none that another machine could reach.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo\0")
    listener.bind(("0.0.0.0", port))
    listener.listen(16384)
    server = await asyncio.get_running_loop().create_server(Status, sock=listener, backlog=16384)
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(int(sys.argv[1])))
