"""What a proxy can read: its own credentials, and nothing of a target over TLS."""

import asyncio
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import trustme
from aiohttp import web

from exporter.config import load_file
from exporter.errors import ConfigError
from exporter.secret import Secret
from exporter.settings import BasicAuth, Client, PasswordLogin, Tls
from exporter.simulator.webitel_login import USER
from exporter.systems import SYSTEMS
from support.polling import OK, Poller, make_target, result
from support.scripted_site import Site
from support.vendor import serving
from support.webitel_engine import CANARY, Engine

PROXY_PAIR = b64encode(f"user:{CANARY}-proxy".encode()).decode()


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


class Tunnel:
    """A proxy that connects as requested, and records what it can read."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.seen.append(head)
        host, _, port = head.split(" ")[1].rpartition(":")
        ours, theirs = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        async with asyncio.TaskGroup() as both:
            both.create_task(copy(reader, theirs))
            both.create_task(copy(ours, writer))


@asynccontextmanager
async def over_tls(site: Site, authority: trustme.CA) -> AsyncIterator[str]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    runner = web.ServerRunner(web.Server(site.handle), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    try:
        yield f"https://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def client_of(proxy: str, tls: Tls) -> Client:
    return Client(
        name="c",
        http_headers=(("X-Api-Key", (Secret(f"{CANARY}-header"),)),),
        query_params=(("key", (Secret(f"{CANARY}-query"),)),),
        proxy_url=Secret(proxy.replace("://", f"://user:{CANARY}-proxy@")),
        tls=tls,
    )


@pytest.mark.parametrize("kind", ["basic_auth", "login"])
async def test_a_proxy_learns_only_host_and_port_of_a_target_over_tls(
    kind: str, site: Site, poller: Poller
) -> None:
    authority, tunnel = trustme.CA(), Tunnel()
    engine = Engine(site)
    site.answers["/server/status"] = lambda _: web.json_response({"mode": "production"})
    tls = Tls(ca=authority.cert_pem.bytes().decode())
    user, password = Secret(USER.username), Secret(engine.password)
    async with over_tls(site, authority) as url, serving(tunnel.handle) as proxy:
        client = client_of(proxy, tls)
        if kind == "basic_auth":
            client = replace(client, basic_auth=BasicAuth(username=user, password=password))
            target = make_target(url=url, client=client)
        else:
            client = replace(client, login=PasswordLogin(username=user, password=password))
            target = make_target("webitel", url, client=client)
        assert result(await poller.poll(target)) == OK
        await poller.connections.close()

    authority_of = url.removeprefix("https://")
    for head in tunnel.seen:
        line, *headers = head.strip().split("\r\n")
        names = {one.partition(":")[0].lower(): one.partition(": ")[2] for one in headers}
        assert line == f"CONNECT {authority_of} HTTP/1.1"
        assert names["proxy-authorization"] == f"Basic {PROXY_PAIR}"
        assert names["host"] == authority_of
        assert set(names) <= {
            "host",
            "proxy-authorization",
            "accept",
            "accept-encoding",
            "connection",
            "user-agent",
        }
        assert CANARY not in head
    assert len(tunnel.seen) == (1 if kind == "basic_auth" else 2)
    assert all("proxy-authorization" not in seen.headers for seen in site.seen)
    assert PROXY_PAIR not in repr([seen.headers for seen in site.seen])


def test_a_proxy_over_https_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(
        "clients: {c: {proxy_url: 'https://user:canary-8271@proxy.example:3129'}}\ntargets: []\n",
        encoding="utf-8",
    )
    with pytest.raises(ConfigError, match="https:// to a proxy is not supported") as caught:
        load_file(path, SYSTEMS)

    assert "canary" not in str(caught.value)
