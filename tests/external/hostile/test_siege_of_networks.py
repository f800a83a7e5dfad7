"""Networks that change or fail in part do not affect good targets: TLS, and both versions of IP."""

import asyncio
import os
import re
import socket
import ssl
import sys
from pathlib import Path

import pytest
import trustme

from support.metrics_page import read_page
from support.repository import ROOT
from support.siege import Hostile, besieged
from support.siege_catalog import siege
from support.vendor import HEALTHY, Vendor, serving

TIMES = {"system": "genesys_ucs", "interval": "1s", "timeout": "900ms"}


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(HEALTHY)
        await writer.drain()


@siege("a vendor's authority is replaced in the middle of handshakes")
async def test_a_new_authority_is_used_as_soon_as_its_file_exists(tmp_path: Path) -> None:
    """The certificate changes between the client's first message and the server's answer."""
    old, new = trustme.CA(), trustme.CA()
    ca_file, rotated = tmp_path / "ca.pem", asyncio.Event()
    old.cert_pem.write_to_path(str(ca_file))
    contexts = [ssl.create_default_context(ssl.Purpose.CLIENT_AUTH) for _ in range(2)]
    for authority, context in zip((old, new), contexts, strict=True):
        authority.issue_cert("127.0.0.1").configure_cert(context)

    def rotate(handshake: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        if rotated.is_set():
            handshake.context = contexts[1]

    contexts[0].sni_callback = rotate
    client = {"h": {"tls_config": {"ca_file": str(ca_file)}}}
    connections: list[asyncio.StreamWriter] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        await _answer(reader, writer)

    async with serving(handle, context=contexts[0]) as url:
        names = [f"h{number}" for number in range(30)]
        targets = tuple(
            {"name": name, "url": url, "client": "h", "labels": {"n": name}} | TIMES
            for name in names
        )
        async with besieged(tmp_path, Hostile(clients=client, targets=targets)) as program:
            await program.watch_until(*names, up=True)
            rotated.set()
            for writer in connections:
                writer.transport.abort()
            await program.watch_until(*names, up=False)
            new.cert_pem.write_to_path(str(ca_file))
            await program.watch_until(*names, up=True)
            log = await program.end()

    assert "Traceback" not in log
    # On a busy machine a handshake may time out, and the failure after it is logged again.
    assert {*re.findall(r" target=(h\d+) .* reason=tls ", log)} == {*names}


@siege("an HTTPS server sends session tickets without end")
async def test_endless_tickets_do_not_hold_the_event_loop(tmp_path: Path) -> None:
    ca_file = str(tmp_path / "ca.pem")
    server = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "support.ticket_server",
        ca_file,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT / "tests")},
    )
    assert server.stdout
    try:
        url = f"https://127.0.0.1:{int(await server.stdout.readline())}"
        client = {"h": {"tls_config": {"ca_file": ca_file}}}
        names = [f"h{number}" for number in range(3)]
        targets = tuple({"name": name, "url": url, "client": "h"} | TIMES for name in names)
        async with besieged(tmp_path, Hostile(clients=client, targets=targets)) as program:
            await program.until_polled(*names)
            page = read_page(await program.watch())
            await program.end()
    finally:
        server.kill()
        await server.wait()

    assert not any(page[name].up for name in names)


@siege("one version of IP works and the other does not")
async def test_the_ip_version_that_works_is_used(tmp_path: Path) -> None:
    vendors = {}
    servers = []
    for name, host in (("IPv4", "127.0.0.1"), ("IPv6", "::1")):
        vendor = Vendor()
        vendor.answer = HEALTHY
        try:
            server = await asyncio.start_server(vendor.handle, host, 0)
        except OSError:
            pytest.skip(f"this machine has no {name}")
        servers.append((server, vendor))
        vendors[name] = server.sockets[0].getsockname()[1]
    loopback = socket.if_nameindex()[0][1]
    urls = {
        "name": f"http://localhost:{vendors['IPv4']}",
        "literal": f"http://[::1]:{vendors['IPv6']}",
        "zone": f"http://[::1%{loopback}]:{vendors['IPv6']}",
        "mapped": f"http://[::ffff:127.0.0.1]:{vendors['IPv4']}",
        "silent": "http://[2001:db8::1]:80",
        "no-zone": "http://[fe80::1]:80",
        "no-interface": "http://[fe80::1%nowhere]:80",
        "no-address": "http://1.2.3.4.5:80",
    }
    targets = tuple({"name": name, "url": url} | TIMES for name, url in urls.items())
    down = {"silent", "no-zone", "no-interface", "no-address"}
    hostile = Hostile(targets=targets, listen="[::]:0")
    try:
        async with besieged(tmp_path, hostile) as program:
            await program.until_polled(*urls)
            page = read_page(await program.watch_until(*(urls.keys() - down), up=True))
            log = await program.end()
    finally:
        for server, vendor in servers:
            server.close()
            await vendor.close()

    assert {name for name in urls if not page[name].up} == down
    assert "Traceback" not in log
