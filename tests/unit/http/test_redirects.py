"""Redirects are followed if a client allows it, and only within the origin of the target."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from aiohttp import web

from exporter.http.message import origin_of
from exporter.http.redirect import MAX_REDIRECTS
from exporter.secret import Secret
from exporter.settings import Authorization, Client, Target
from support.polling import OK, Polls, make_target, result
from support.process import unused_port
from support.scripted_site import Answer, Seen, Site, json, open_site
from support.vendor import serving

CANARY = "canary-8271"
CLIENT = Client(
    name="c",
    follow_redirects=True,
    authorization=Authorization(type="Bearer", credentials=Secret(CANARY)),
    http_headers=(("X-Api-Key", (Secret(f"{CANARY}-key"),)),),
)
PATH = "/server/status"
AWAY = "leads to another origin and is not followed"


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with open_site() as one:
        one.answers["/moved"] = json({"mode": "production"})
        yield one


def to(location: str, status: int = 302) -> Answer:
    return lambda _: web.Response(status=status, headers={"Location": location})


def target_of(site: Site, client: Client = CLIENT) -> Target:
    return make_target(url=site.url, client=client)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_within_the_origin_is_followed_with_the_credentials(
    status: int, site: Site, poll: Polls
) -> None:
    site.answers[PATH] = to("/moved?a=1", status)

    assert result(await poll(target_of(site))) == OK
    assert [(one.method, one.path) for one in site.seen] == [("GET", PATH), ("GET", "/moved?a=1")]
    for seen in site.seen:
        assert seen.headers["authorization"] == f"Bearer {CANARY}"
        assert seen.headers["x-api-key"] == f"{CANARY}-key"
        assert seen.headers["host"] == site.url.removeprefix("http://")


async def test_a_long_location_is_refused(site: Site, poll: Polls) -> None:
    site.answers[PATH] = to(f"/{'x' * 8000}")

    assert result(await poll(target_of(site))) == (
        "redirect: HTTP 302 with a Location of more than 8000 characters"
    )


@pytest.mark.parametrize("status", [300, 304, 305, 306, 399])
async def test_other_3xx_are_not_followed(status: int, site: Site, poll: Polls) -> None:
    site.answers[PATH] = to("/moved", status)

    assert result(await poll(target_of(site))) == (
        f"redirect: HTTP {status}, which is not followed: correct the url"
    )
    assert len(site.seen) == 1


async def test_redirects_are_not_followed_by_default(site: Site, poll: Polls) -> None:
    site.answers[PATH] = to("/moved")
    client = replace(CLIENT, follow_redirects=False)

    assert result(await poll(target_of(site, client))) == (
        "redirect: HTTP 302, which is not followed: correct the url"
    )
    assert len(site.seen) == 1


WITHIN = {
    "absolute": ("{url}/moved", "/moved"),
    "in capitals": ("HTTP://{host}/moved", "/moved"),
    "without a scheme": ("//{host}/moved", "/moved"),
    "relative": ("../moved", "/moved"),
    "beside": ("moved", "/server/moved"),
    "a query alone": ("?a=b", "/server/status?a=b"),
    "with a fragment": ("/moved#part", "/moved"),
    "encoded": ("/moved?a=%2F%20b", "/moved?a=%2F%20b"),
    "not encoded": ("/moved?a=é b", "/moved?a=%C3%A9%20b"),
    "with a user": ("http://somebody:else@{host}/moved", "/moved"),
    "the front": ("{url}", "/"),
}


@pytest.mark.parametrize(("location", "expected"), WITHIN.values(), ids=WITHIN)
async def test_a_location_within_the_origin_is_requested(
    location: str, expected: str, site: Site, poll: Polls
) -> None:
    healthy = site.answers["/moved"]
    site.answers |= {"/server/moved": healthy, "/": healthy}

    def status(seen: Seen) -> web.Response:
        if len(site.seen) > 1:
            return healthy(seen)
        host = site.url.removeprefix("http://")
        return to(location.format(url=site.url, host=host))(seen)

    site.answers[PATH] = status

    assert result(await poll(target_of(site))) == OK
    assert site.seen[-1].path == expected
    assert site.seen[-1].headers["authorization"] == f"Bearer {CANARY}"


async def test_another_origin_gets_no_request(site: Site, poll: Polls) -> None:
    async with open_site() as other:
        port = other.url.rpartition(":")[2]
        for location in (
            f"{other.url}/moved",
            f"//127.0.0.1:{port}/moved",
            site.url.replace("127.0.0.1", "localhost") + "/moved",
            site.url.replace("http:", "https:") + "/moved",
            f"http://{site.url.removeprefix('http://').replace(':', '%3A')}@127.0.0.1:{port}/moved",
            f"http://user:{CANARY}@nonexistent.invalid/?key={CANARY}",
            "http://127.0.0.1/moved",
        ):
            site.answers[PATH] = to(location)

            assert result(await poll(target_of(site))) == f"redirect: HTTP 302 {AWAY}"
        assert other.seen == []
    assert {one.path for one in site.seen} == {PATH}


NOWHERE = "redirect: HTTP 302 leads to what is no http or https URL"


@pytest.mark.parametrize(
    "location",
    ["http://[", "http://h:99999/", "ftp://127.0.0.1/moved", "javascript:x", "data:,x"],
)
async def test_an_invalid_location_is_reported(location: str, site: Site, poll: Polls) -> None:
    site.answers[PATH] = to(location)

    assert result(await poll(target_of(site))) == NOWHERE


@pytest.mark.parametrize("status", [301, 302])
async def test_a_redirect_without_a_location_is_a_failure(
    status: int, site: Site, poll: Polls
) -> None:
    """Webitel redirects its root user to the second factor."""
    site.answers[PATH] = lambda _: web.Response(status=status, text="Set security code")

    assert result(await poll(target_of(site))) == f"redirect: HTTP {status} without a Location"


@pytest.mark.parametrize(
    "location",
    [
        b"/moved?\xc3\xa9",
        b"/moved?\xff",
        b"/moved?\t",
        b"/moved?a b",
    ],
)
async def test_bytes_that_urls_cannot_have_are_encoded(location: bytes, poll: Polls) -> None:
    asked: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            asked.append((await reader.readuntil(b"\r\n\r\n")).partition(b"\r\n")[0])
            body = b'{"mode": "production"}'
            head = b"302 Found\r\nLocation: " + location if len(asked) == 1 else b"200 OK"
            writer.write(b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n%b" % (head, len(body), body))
            await writer.drain()

    async with serving(handle) as url:
        assert result(await poll(make_target(url=url, client=CLIENT))) == OK

    assert asked[1].isascii()
    assert asked[1].startswith(b"GET /moved")
    assert asked[1].count(b" ") == 2


async def test_a_loop_ends(site: Site, poll: Polls) -> None:
    site.answers[PATH] = to(PATH)

    assert (
        result(await poll(target_of(site))) == "redirect: more than 5 redirects one after another"
    )
    assert len(site.seen) == 1 + MAX_REDIRECTS


@pytest.mark.parametrize(("hops", "expected"), [(5, OK), (6, "redirect: more than 5")])
async def test_five_redirects_are_followed(
    hops: int, expected: str, site: Site, poll: Polls
) -> None:
    site.answers[PATH] = to("/1")
    for hop in range(1, hops):
        site.answers[f"/{hop}"] = to(f"/{hop + 1}")
    site.answers[f"/{hops}"] = json({"mode": "production"})

    assert result(await poll(target_of(site))).startswith(expected)


async def test_a_failure_after_a_redirect_is_reported(site: Site, poll: Polls) -> None:
    site.answers[PATH] = to("/moved")
    site.answers["/moved"] = json({}, 403)

    assert result(await poll(target_of(site))) == "http_403: HTTP 403"


async def test_a_secret_in_a_location_is_not_shown(site: Site, poll: Polls) -> None:
    client = replace(CLIENT, query_params=(("key", (Secret(f"{CANARY}/key"),)),))
    port = unused_port()
    site.answers[PATH] = to(f"http://127.0.0.1:{port}/?key={CANARY}%2Fkey")

    assert CANARY not in repr(await poll(target_of(site, client)))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://h", "http://H:80/a"),
        ("https://h/", "HTTPS://h:443"),
        ("http://[::1]:80", "http://[::1]/"),
        ("http://bücher.example", "http://xn--bcher-kva.example:80"),
    ],
)
def test_origins_are_normalized(one: str, other: str) -> None:
    assert origin_of(one) == origin_of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://h", "https://h"),
        ("http://h", "http://h:8080"),
        ("https://h:80", "http://h:80"),
        ("http://h", "http://h.example"),
        ("http://127.0.0.1", "http://127.1"),
    ],
)
def test_scheme_host_and_port_make_the_origin(one: str, other: str) -> None:
    assert origin_of(one) != origin_of(other)
