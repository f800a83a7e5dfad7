"""A failed poll shows its request, and a hint if the cause is known."""

import asyncio
from dataclasses import replace

import pytest
from aiohttp import web

from exporter.clock import Clock
from exporter.errors import PollError, Reason
from exporter.http.connections import Connections
from exporter.pipeline.advice import repeated_paths
from exporter.pipeline.request import build
from exporter.runtime.poll_run import PollRun, poll
from exporter.secret import Secret
from exporter.settings import BasicAuth, Client, Target
from support.polling import make_target
from support.scripted_site import open_site

WITH_USER = Client(
    name="ucs",
    basic_auth=BasicAuth(username=Secret("monitor", is_plain=True), password=Secret("canary")),
)
NONE_SENT = "no credentials are sent: the target needs a client (on the command line: --username)"
UNAUTHORIZED = "HTTP 401: the credentials are missing or were rejected"


async def failure(target: Target) -> PollError:
    connections = Connections(Clock())
    try:
        done = await poll(PollRun(target, build(target), connections, Clock()))
    finally:
        await connections.close()
    assert isinstance(done.outcome, PollError)
    return done.outcome


async def explanation(
    status: int, path: str, client: Client | None = None, location: str | None = None
) -> str:
    headers = {} if location is None else {"Location": location}
    async with open_site() as site:
        requested = f"{path}/server/status"
        site.answers[requested] = lambda _: web.Response(status=status, headers=headers)
        error = await failure(make_target(url=f"{site.url}{path}", client=client))
        assert error.request == f"GET {site.url}{requested}"
        return error.explanation.removeprefix(f"{error.request}: ")


async def test_a_missing_endpoint_says_where_the_url_ends() -> None:
    assert await explanation(404, "/cv/server/status") == (
        "HTTP 404: there is no such endpoint, or no such server, at this URL; the url of"
        " genesys_ucs targets ends before /server/status"
    )


@pytest.mark.parametrize(
    ("client", "expected"),
    [
        (None, f"{UNAUTHORIZED}; {NONE_SENT}"),
        (Client(name="c"), f"{UNAUTHORIZED}; {NONE_SENT}"),
        (WITH_USER, UNAUTHORIZED),
    ],
)
async def test_a_rejected_request_says_whether_it_had_credentials(
    client: Client | None, expected: str
) -> None:
    assert await explanation(401, "/cv", client) == expected


async def test_a_forbidden_request_without_credentials_says_so() -> None:
    assert (await explanation(403, "/cv")).endswith(f"; {NONE_SENT}")
    assert NONE_SENT not in await explanation(403, "/cv", WITH_USER)


@pytest.mark.parametrize(
    ("status", "expected"),
    [(500, "HTTP 500: Internal Server Error"), (410, "HTTP 410: Gone"), (599, "HTTP 599")],
)
async def test_a_status_that_shares_its_reason_shows_its_standard_phrase(
    status: int, expected: str
) -> None:
    assert await explanation(status, "") == expected


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        (None, ""),
        ("/login?token=canary", "; or set follow_redirects in the client"),
        ("https://127.0.0.1/canary", "; it leads to https:// at port 443 of the same host"),
        ("https://canary.example.com/login", "; it leads to another host, often for a login"),
        ("mailto:canary", ""),
        (f"https://h/{'x' * 8000}", ""),
    ],
)
async def test_a_redirect_says_where_it_leads_without_its_location(
    location: str | None, expected: str
) -> None:
    refused = "HTTP 302, which is not followed: correct the url"

    assert await explanation(302, "", location=location) == f"{refused}{expected}"


async def test_plain_http_to_a_port_that_may_be_for_tls_is_named() -> None:
    hint = "if the server speaks TLS, the url begins with https://"
    assert await explanation(400, "") == f"HTTP 400: Bad Request; {hint}"

    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        error = await failure(make_target(url=f"http://127.0.0.1:{port}"))

    assert error.reason is Reason.CONNECT
    assert error.hint == hint


async def test_tls_to_a_port_of_plain_http_is_named() -> None:
    async with open_site() as site:
        url = site.url.replace("http:", "https:")
        error = await failure(make_target(url=url))

    assert error.reason is Reason.TLS
    assert error.explanation == (
        f"GET {url}/server/status: the answer is not TLS: the server seems to speak plain HTTP,"
        " write http://"
    )


def test_a_failure_without_a_request_names_none() -> None:
    assert (
        PollError(Reason.CREDENTIALS, "f: the file is empty").explanation == "f: the file is empty"
    )


@pytest.mark.parametrize(
    ("system", "url", "expected"),
    [
        ("genesys_ucs", "http://h/cv/server/status", ["/server/status"]),
        ("genesys_ucs", "http://h/cv", []),
        ("mdworkbench", "http://h/mdworkbench/server/state", ["/server/state"]),
        ("clanforge", "http://h/cfp/v1/server/1200345/status", ["/cfp/v1/server/1200345/status"]),
    ],
)
def test_a_url_that_has_an_endpoints_path_is_found(
    system: str, url: str, expected: list[str]
) -> None:
    assert list(repeated_paths(replace(make_target(system), url=url))) == expected
