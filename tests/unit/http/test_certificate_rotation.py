"""Certificates that are replaced in their files are used from the next poll on."""

import ssl
from pathlib import Path

import trustme
from aiohttp import web

from exporter.errors import PollError
from exporter.settings import Client, Tls
from support.polling import Polls, make_target


async def test_a_replaced_client_certificate_is_used_at_the_next_poll(
    poll: Polls, tmp_path: Path
) -> None:
    authority = trustme.CA()
    seen: list[str] = []

    async def status(request: web.Request) -> web.Response:
        assert request.transport is not None
        seen.append(request.transport.get_extra_info("peercert")["serialNumber"])
        return web.json_response({"mode": "production"})

    app = web.Application()
    app.router.add_get("/server/status", status)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()

    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    tls = Tls(ca=authority.cert_pem.bytes().decode(), cert_file=cert, key_file=key)
    url = f"https://127.0.0.1:{runner.addresses[0][1]}"
    target = make_target(url=url, client=Client(name="c", tls=tls))
    for name in ("one", "one", "two"):
        issued = trustme.CA.issue_cert(authority, f"{name}@example.com")
        if name == "two" or not cert.exists():
            issued.cert_chain_pems[0].write_to_path(cert)
            issued.private_key_pem.write_to_path(key)
        outcome = (await poll(target)).outcome
        assert not isinstance(outcome, PollError), outcome
    await runner.cleanup()

    assert seen[0] == seen[1]
    assert seen[1] != seen[2]
