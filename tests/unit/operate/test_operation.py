"""Writing to a vendor: what is sent, how often, and whether the server may have changed."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import trustme
from aiohttp import web

from exporter.secret import Secret
from exporter.settings import BasicAuth, Client, OAuth2, Target, Tls
from support.operations import MAYBE, NOT, failure, operating, target_of
from support.polling import make_target
from support.process import unused_port
from support.scripted_site import Seen as Asked
from support.scripted_site import Site, json
from support.simulator_stage import Stage
from support.vendor import response, serving


async def test_a_mode_is_set_by_a_post_of_json(stage: Stage) -> None:
    async with operating(target_of(stage, "ucs-ams")) as operation:
        await operation.send()

    (write,) = stage.writes
    assert (write.method, write.path) == ("POST", "/cv/server/mode")
    assert write.body == b'{"mode": "maintenance"}'
    assert write.headers["content-type"] == "application/json"
    assert stage.world.ucs.mode == "maintenance"


async def test_a_state_is_set_by_a_put_with_its_options(stage: Stage) -> None:
    options = {"resume-on-restart": "false"}
    async with operating(target_of(stage, "mdw"), "maintenance", options) as operation:
        await operation.send()

    (write,) = stage.writes
    place = "/mdworkbench/server/state?value=maintenance&resumeOnRestart=false"
    assert (write.method, write.path, write.body) == ("PUT", place, b"")
    assert not stage.world.mdworkbench.resume_on_restart


async def test_an_option_that_is_not_given_is_not_sent(stage: Stage) -> None:
    async with operating(target_of(stage, "mdw"), "suspended") as operation:
        await operation.send()

    assert [one.path for one in stage.writes] == ["/mdworkbench/server/state?value=suspended"]


async def test_writes_have_separate_credentials(stage: Stage) -> None:
    target = target_of(stage, "ucs-ams")
    error = await failure(replace(target, operator_client=None))
    async with operating(target) as operation:
        await operation.look()
        await operation.send()
    reader, writer = stage.reads[0], stage.writes[-1]

    assert str(error).startswith("HTTP 403: ")
    assert reader.headers["authorization"] == stage.writes[0].headers["authorization"]
    assert reader.headers["authorization"] != writer.headers["authorization"]


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, f"HTTP 400: the server takes no such value; {NOT}"),
        (401, f"HTTP 401: the credentials are missing or were rejected; {NOT}"),
        (403, f"HTTP 403: this user may not set it, see operator_client; {NOT}"),
        (404, f"HTTP 404: there is nothing to set at this URL; {NOT}"),
        (409, f"HTTP 409: the server refused; {NOT}"),
        (503, f"HTTP 503: the server takes no requests now; {NOT}"),
        (302, f"HTTP 302, which is not followed: correct the url; {MAYBE}"),
        (500, f"HTTP 500; {MAYBE}"),
        (504, f"HTTP 504; {MAYBE}"),
    ],
)
async def test_a_refusal_says_whether_the_server_may_have_changed(
    status: int, message: str, stage: Stage
) -> None:
    stage.answer = web.Response(status=status, headers={"Location": "/cv/server/status"})

    error = await failure(target_of(stage, "ucs-ams"))

    assert str(error) == message
    assert error.lost is (status == 504)
    assert len(stage.seen) == 1


@pytest.mark.parametrize("name", ["ucs-ams", "mdw"])
async def test_an_order_whose_answer_is_lost_is_not_sent_again(name: str, stage: Stage) -> None:
    stage.loses_answer = True

    error = await failure(target_of(stage, name))

    assert str(error) == f"the connection broke before there was an answer; {MAYBE}"
    assert error.lost
    assert len(stage.writes) == 1


async def test_an_unanswered_order_may_have_been_accepted(stage: Stage) -> None:
    stage.holds_answer = True

    error = await failure(target_of(stage, "mdw"), seconds=0.2)

    assert str(error) == f"no answer within 0.2s; {MAYBE}"
    assert error.lost


async def test_an_order_answered_with_malformed_http_may_have_been_accepted() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"SSH-2.0-OpenSSH_9.6\r\n")
        await writer.drain()

    async with serving(talk) as url:
        error = await failure(make_target("mdworkbench", url))

    assert str(error) == f"not a valid HTTP answer: Expected HTTP/, RTSP/ or ICE/; {MAYBE}"


@pytest.mark.usefixtures("own_names")
async def test_a_server_that_was_not_reached_cannot_have_changed() -> None:
    port = unused_port()
    refused = await failure(make_target(url=f"http://127.0.0.1:{port}"))
    unknown = await failure(make_target(url="http://vendor.invalid"))

    assert str(refused) == f"no connection: Connection refused; {NOT}"
    assert str(unknown) == f"the host name vendor.invalid cannot be resolved; {NOT}"
    assert not refused.lost


async def test_the_proxy_of_the_client_is_used(stage: Stage) -> None:
    async def deny(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(response(b"", status="407 Proxy Authentication Required"))
        await writer.drain()

    target = target_of(stage, "mdw")
    async with serving(deny) as url:
        client = Client(name="far", proxy_url=Secret(url))
        denied = await failure(replace(target, operator_client=client))
    client = Client(name="far", proxy_url=Secret(f"http://127.0.0.1:{unused_port()}"))
    gone = await failure(replace(target, operator_client=client))

    assert str(denied) == f"HTTP 407: the proxy wants other credentials; {NOT}"
    assert str(gone) == f"no connection to the proxy; {NOT}"
    assert stage.seen == []


@asynccontextmanager
async def over_tls(authority: trustme.CA) -> AsyncIterator[tuple[str, list[str]]]:
    asked = list[str]()

    async def answer(request: web.BaseRequest) -> web.Response:
        asked.append(request.method)
        return web.json_response({})

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    runner = web.ServerRunner(web.Server(answer), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    try:
        yield f"https://127.0.0.1:{runner.addresses[0][1]}", asked
    finally:
        await runner.cleanup()


async def test_the_certificate_of_the_server_is_checked() -> None:
    authority, other = trustme.CA(), trustme.CA()
    async with over_tls(authority) as (url, asked):
        trusting = Client(name="a", tls=Tls(ca=authority.cert_pem.bytes().decode()))
        doubting = Client(name="b", tls=Tls(ca=other.cert_pem.bytes().decode()))
        async with operating(make_target(url=url, client=trusting)) as operation:
            await operation.send()
        error = await failure(make_target(url=url, client=doubting))

    assert asked == ["POST"]
    assert str(error).startswith("the server's certificate: ")
    assert str(error).endswith(NOT)


def with_login(site: Site) -> Target:
    login = OAuth2(
        client_id="set", client_secret=Secret("s-1"), token_url=f"{site.url}/oauth2/token"
    )
    return make_target(url=site.url, client=Client(name="o", login=login))


async def test_a_token_is_requested_and_sent(site: Site) -> None:
    site.answers = {
        "/oauth2/token": json({"access_token": "token-1", "token_type": "Bearer"}),
        "/server/mode": json({"server changed": "maintenance"}),
    }
    async with operating(with_login(site)) as operation:
        await operation.send()

    (write,) = site.asked("/server/mode")
    assert write.headers["authorization"] == "Bearer token-1"


async def test_a_token_that_is_refused_does_not_send_the_order_again(site: Site) -> None:
    site.answers = {
        "/oauth2/token": json({"access_token": "token-1", "token_type": "Bearer"}),
        "/server/mode": json({}, status=401),
    }
    error = await failure(with_login(site))

    assert str(error).endswith(NOT)
    assert len(site.asked("/server/mode")) == 1


async def test_without_a_login_nothing_is_sent(site: Site) -> None:
    site.answers = {"/oauth2/token": json({"error": "invalid_client"}, status=401)}
    error = await failure(with_login(site))

    assert re.fullmatch(rf"login: HTTP 401, invalid_client; the next login .*; {NOT}", str(error))
    assert site.asked("/server/mode") == []


async def test_secret_query_parameters_are_sent_and_not_shown(site: Site) -> None:
    site.answers = {"/mdworkbench/server/state": json({})}
    client = Client(name="q", query_params=(("key", (Secret("k-secret"),)),))
    async with operating(make_target("mdworkbench", site.url, client=client)) as operation:
        await operation.send()
        shown = f"{operation.order.url} {operation.order!r}"

    assert site.seen[0].path == "/mdworkbench/server/state?value=maintenance&key=k-secret"
    assert "k-secret" not in shown


async def test_a_secret_that_the_server_repeats_is_not_shown(site: Site) -> None:
    def repeat(asked: Asked) -> web.Response:
        del asked
        return web.Response(body=b"\x89PNG", content_type="image/w-secret")

    auth = BasicAuth(username=Secret("w", is_plain=True), password=Secret("w-secret"))
    target = replace(make_target(url=site.url), operator_client=Client(name="w", basic_auth=auth))
    site.answers = {"/server/status": repeat}
    async with operating(target) as operation:
        seen = await operation.look()

    assert "w-secret" not in str(seen)
    assert "<secret>" in str(seen)


async def test_a_key_file_that_became_unusable_stops_the_order(
    stage: Stage, tmp_path: Path
) -> None:
    auth = BasicAuth(username=Secret("w", is_plain=True), password=Secret(file=tmp_path / "gone"))
    client = Client(name="w", basic_auth=auth)
    error = await failure(replace(target_of(stage, "mdw"), operator_client=client))

    assert str(error) == f"{tmp_path / 'gone'}: No such file or directory; {NOT}"
    assert stage.seen == []


async def test_a_custom_context_path_applies_to_writes() -> None:
    target = make_target("mdworkbench", "https://lab.example.com/studio")
    async with operating(target, "active") as operation:
        assert operation.order.url == "https://lab.example.com/studio/server/state?value=active"
