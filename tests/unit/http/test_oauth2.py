"""A bearer token is requested as RFC 6749 says, kept, and shared by the targets of a client."""

import asyncio
import json as jsonlib
import ssl
from base64 import b64encode
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, quote, quote_plus

import pytest
import trustme
from aiohttp import web

from exporter.pipeline.request import build
from exporter.secret import Secret
from exporter.settings import Client, OAuth2, Target, Tls
from support.polling import OK, Hand, Poller, make_target, result
from support.process import unused_port
from support.scripted_site import Seen, Site, json
from support.vendor import open_vendor, response

CANARY = "canary-8271"
# What must be encoded twice over: for a form, and in it for a header.
ODD_ID, ODD_SECRET = "id:1 é", f"{CANARY}/+ &%ü"


class Issuer:
    """A token endpoint, and a UCS that accepts its tokens."""

    def __init__(self, site: Site) -> None:
        self.url = site.url
        self.taken: set[str] = set()
        self.takes_new = True
        self.by_body = False
        self.answer: dict[str, object] = {"token_type": "Bearer", "expires_in": 3600}
        self.tokens = 0
        site.answers["/token"] = self.token
        site.answers["/server/status"] = self.status

    def token(self, seen: Seen) -> web.Response:
        if self.by_body == ("authorization" in seen.headers):
            return web.json_response({"error": "invalid_client"}, status=401)
        self.tokens += 1
        token = f"{CANARY}-token-{self.tokens}"
        if self.takes_new:
            self.taken.add(token)
        return web.json_response({"access_token": token} | self.answer)

    def status(self, seen: Seen) -> web.Response:
        scheme, _, token = seen.headers.get("authorization", "").partition(" ")
        if scheme == "Bearer" and token in self.taken:
            return web.json_response({"mode": "production"})
        return web.json_response({"error": "invalid_token"}, status=401)


@pytest.fixture
def issuer(site: Site) -> Issuer:
    return Issuer(site)


def client_of(url: str, secret: Secret | None = None, **more: object) -> Client:
    login = OAuth2(
        client_id=ODD_ID, client_secret=secret or Secret(ODD_SECRET), token_url=f"{url}/token"
    )
    return Client(name="c", login=replace(login, **more))  # type: ignore[arg-type]


def target_of(issuer: Issuer, client: Client | None = None) -> Target:
    return make_target(url=issuer.url, client=client or client_of(issuer.url))


async def test_a_token_is_requested_as_the_rfc_says(
    issuer: Issuer, site: Site, poller: Poller
) -> None:
    client = client_of(
        site.url,
        scopes=("status.read", "a&b"),
        endpoint_params=(("audience", Secret("é x", is_plain=True)),),
    )
    assert result(await poller.poll(target_of(issuer, client))) == OK

    (asked,) = site.asked("/token")
    pair = b"id%3A1+%C3%A9:canary-8271%2F%2B+%26%25%C3%BC"
    assert asked.method == "POST"
    assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
    assert asked.headers["authorization"] == f"Basic {b64encode(pair).decode()}"
    assert parse_qs(asked.body) == {
        "grant_type": ["client_credentials"],
        "scope": ["status.read a&b"],
        "audience": ["é x"],
    }
    (seen,) = site.asked("/server/status")
    assert seen.headers["authorization"] == f"Bearer {CANARY}-token-1"


@pytest.mark.parametrize("status", [400, 401])
async def test_credentials_are_sent_in_the_body_once_a_server_has_accepted_them_there(
    status: int, issuer: Issuer, site: Site, poller: Poller
) -> None:
    issuer.by_body = True
    given = issuer.token

    def token(seen: Seen) -> web.Response:
        answer = given(seen)
        return answer if answer.status == 200 else web.json_response({}, status=status)

    site.answers["/token"] = token
    assert result(await poller.poll(target_of(issuer))) == OK
    issuer.taken.clear()
    assert result(await poller.poll(target_of(issuer))) == OK

    ways = ["authorization" in seen.headers for seen in site.asked("/token")]
    assert ways == [True, False, False]
    sent = parse_qs(site.asked("/token")[1].body)
    assert sent["client_id"] == [ODD_ID]
    assert sent["client_secret"] == [ODD_SECRET]


async def test_targets_of_a_client_share_one_token(
    issuer: Issuer, site: Site, poller: Poller
) -> None:
    site.go_on.clear()
    polls = asyncio.create_task(poller.together(target_of(issuer), 50))
    while not site.asked("/token"):
        await asyncio.sleep(0)
    site.go_on.set()

    assert [result(one) for one in await polls] == [OK] * 50
    assert issuer.tokens == 1
    assert poller.logins == {"c": 1}


@pytest.mark.parametrize("kind", ["Bearer", "bearer", "BEARER", None])
async def test_a_bearer_type_in_any_case_or_none_is_accepted(
    kind: str | None, issuer: Issuer, poller: Poller
) -> None:
    issuer.answer = {"token_type": kind} if kind else {}

    assert result(await poller.poll(target_of(issuer))) == OK


@pytest.mark.parametrize(
    ("life", "tokens"),
    [
        ((60, 49.0), 1),
        ((60, 51.0), 2),
        (("60", 51.0), 2),
        ((60.5, 51.0), 2),
        ((3600, 3299.0), 1),
        ((3600, 3301.0), 2),
        ((None, 1e9), 1),
        ((0, 1e9), 1),
        ((5, 29.0), 1),
        ((10**400, 1e9), 1),
    ],
)
async def test_a_token_is_renewed_before_it_expires(
    life: tuple[object, float], tokens: int, issuer: Issuer, poller: Poller, hand: Hand
) -> None:
    expires_in, passed = life
    issuer.answer = {"expires_in": expires_in}
    for moment in (0.0, passed):
        hand.passed = moment
        assert result(await poller.poll(target_of(issuer))) == OK
    login = poller.connections.login(target_of(issuer))
    while login and login._task:
        await asyncio.sleep(0.001)

    assert issuer.tokens == tokens


async def test_a_refused_token_is_replaced_within_the_poll(issuer: Issuer, poller: Poller) -> None:
    assert result(await poller.poll(target_of(issuer))) == OK
    issuer.taken.clear()

    assert result(await poller.poll(target_of(issuer))) == OK
    assert issuer.tokens == 2


async def test_a_vendor_that_always_refuses_sees_few_tokens(
    issuer: Issuer, poller: Poller, hand: Hand
) -> None:
    issuer.takes_new = False
    for _ in range(1000):
        assert result(await poller.poll(target_of(issuer))).startswith("http_401: HTTP 401")
        hand.passed += 1.0

    assert issuer.tokens == 7


async def test_a_changed_secret_is_used_for_the_next_token(
    issuer: Issuer, site: Site, poller: Poller, tmp_path: Path
) -> None:
    path = tmp_path / "secret"
    path.write_text("old", encoding="utf-8")
    client = client_of(issuer.url, Secret(file=path))
    target = target_of(issuer, client)
    issuer.takes_new = False
    for _ in range(3):
        await poller.poll(target)
    assert issuer.tokens == 2
    path.write_text("the new one", encoding="utf-8")
    issuer.takes_new = True

    assert result(await poller.poll(target)) == OK
    assert issuer.tokens == 3
    pair = b64encode(b"id%3A1+%C3%A9:the+new+one").decode()
    assert site.asked("/token")[-1].headers["authorization"] == f"Basic {pair}"


def raw(body: bytes) -> object:
    return lambda _: web.Response(body=body, content_type="application/json")


def redirected(_: Seen) -> web.Response:
    return web.Response(status=307, headers={"Location": "/elsewhere"})


BAD_TOKEN = "bad_shape: login: the access_token of the answer cannot be sent in a header"
BAD_LIFE = "bad_shape: login: the expires_in of the answer is no number of seconds"
FAILURES = {
    "nothing": (raw(b""), "bad_json: login: the answer is not valid JSON"),
    "not UTF-8": (
        raw(b'{"access_token": "\xff"}'),
        "bad_json: login: the answer is not valid JSON",
    ),
    "deep": (raw(b"[" * 60_000), "bad_json: login: the answer is not valid JSON"),
    "a text": (json("token"), "bad_shape: login: the answer is not an object"),
    "no token": (json({}), "bad_shape: login: the answer has no access_token"),
    "a line end": (json({"access_token": f"{CANARY}\r\nX: 1"}), BAD_TOKEN),
    "a blank": (json({"access_token": f"{CANARY} 1"}), BAD_TOKEN),
    "another kind": (
        json({"access_token": CANARY, "token_type": "mac"}),
        "bad_shape: login: the token_type of the answer is not bearer",
    ),
    "a kind that is none": (
        json({"access_token": CANARY, "token_type": 1}),
        "bad_shape: login: the token_type of the answer is not bearer",
    ),
    "a life that is none": (json({"access_token": CANARY, "expires_in": "soon"}), BAD_LIFE),
    "a life below 0": (json({"access_token": CANARY, "expires_in": -1}), BAD_LIFE),
    "a life of NaN": (raw(b'{"access_token": "t", "expires_in": NaN}'), BAD_LIFE),
    "a life of true": (json({"access_token": CANARY, "expires_in": True}), BAD_LIFE),
    "much": (raw(b" " * 70_000), "too_large: login: more than 65536 bytes"),
    "a redirect": (redirected, "redirect: login: HTTP 307, which is not followed: correct the url"),
    "a wrong client": (
        json({"error": "invalid_client", "error_description": CANARY}, 401),
        "http_401: login: HTTP 401, invalid_client",
    ),
    "a wrong scope": (
        json({"error": "invalid_scope"}, 400),
        "http_4xx: login: HTTP 400, invalid_scope",
    ),
    "an error that is none": (json({"error": f"{CANARY}<b>"}, 400), "http_4xx: login: HTTP 400"),
    "an error without JSON": (
        lambda _: web.Response(status=400, text=CANARY),
        "http_4xx: login: HTTP 400",
    ),
    "503": (json({}, 503), "http_503: login: HTTP 503"),
}


@pytest.mark.parametrize(("given", "expected"), FAILURES.values(), ids=FAILURES)
async def test_a_missing_token_has_its_reason(
    given: object, expected: str, issuer: Issuer, site: Site, poller: Poller
) -> None:
    site.answers["/token"] = given  # type: ignore[assignment]
    actual = result(await poller.poll(target_of(issuer)))
    asked = len(site.seen)

    assert actual.partition(";")[0] == expected
    assert result(await poller.poll(target_of(issuer))) == actual
    assert len(site.seen) == asked
    assert site.asked("/elsewhere") == site.asked("/server/status") == []


async def test_an_endpoint_that_is_down_is_reported_as_such(issuer: Issuer, poller: Poller) -> None:
    client = client_of(f"http://127.0.0.1:{unused_port()}")

    actual = result(await poller.poll(target_of(issuer, client)))

    assert actual.startswith("connect: login: no connection: ")


async def test_the_endpoint_has_a_separate_proxy(
    issuer: Issuer, site: Site, poller: Poller
) -> None:
    async with open_vendor() as proxy:
        proxy.answer = response(f'{{"access_token": "{CANARY}-token-1"}}'.encode())
        url = proxy.url.replace("://", f"://user:{CANARY}-proxy@")
        issuer.taken.add(f"{CANARY}-token-1")
        client = client_of("http://nonexistent.invalid", proxy_url=Secret(url))

        assert result(await poller.poll(target_of(issuer, client))) == OK
        (head,) = proxy.requests
    pair = b64encode(f"user:{CANARY}-proxy".encode()).decode()
    assert head.startswith("POST http://nonexistent.invalid/token HTTP/1.1\r\n")
    assert f"\r\nProxy-Authorization: Basic {pair}\r\n" in head
    assert "proxy-authorization" not in site.asked("/server/status")[0].headers


async def test_the_endpoint_may_have_an_internationalized_name(
    issuer: Issuer, poller: Poller
) -> None:
    async with open_vendor() as proxy:
        proxy.answer = response(f'{{"access_token": "{CANARY}-token-1"}}'.encode())
        issuer.taken.add(f"{CANARY}-token-1")
        client = client_of("http://b\u00fccher.invalid", proxy_url=Secret(proxy.url))

        assert result(await poller.poll(target_of(issuer, client))) == OK
        (head,) = proxy.requests
    assert head.startswith("POST http://xn--bcher-kva.invalid/token HTTP/1.1\r\n")


async def test_the_endpoint_has_separate_tls_settings(
    issuer: Issuer, site: Site, poller: Poller
) -> None:
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    runner = web.ServerRunner(web.Server(site.handle))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    url = f"https://127.0.0.1:{runner.addresses[0][1]}"
    tls = Tls(ca=authority.cert_pem.bytes().decode())
    of_client = replace(client_of(url), name="client", tls=tls)
    results = [
        result(await poller.poll(target_of(issuer, client)))
        for client in (of_client, client_of(url, tls=tls))
    ]
    await runner.cleanup()

    assert results[0].startswith("tls: login: the server's certificate: ")
    assert results[1] == OK


async def test_tokens_and_secrets_are_never_shown(
    issuer: Issuer, site: Site, poller: Poller, caplog: pytest.LogCaptureFixture
) -> None:
    forms = [
        ODD_SECRET,
        f"{CANARY}-token-1",
        quote(ODD_SECRET, safe=""),
        quote_plus(ODD_SECRET),
        jsonlib.dumps(ODD_SECRET),
        jsonlib.dumps(ODD_SECRET, ensure_ascii=False).replace("/", "\\/"),
        b64encode(f"{quote_plus(ODD_ID)}:{quote_plus(ODD_SECRET)}".encode()).decode(),
    ]
    said = iter(forms)
    path = "/cfp/v1/server/1200345/status"
    site.answers[path] = lambda _: web.json_response(
        {"error": True, "error_message": f"no {next(said)}!"}
    )
    target = make_target("clanforge", issuer.url, client=client_of(issuer.url))
    for form in forms:
        poll = await poller.poll(target)
        text = str(poll.outcome).replace('"', "")

        assert text == "vendor_error: the vendor reports an error: no <secret>!", form
        assert CANARY not in f"{poll!r}{caplog.text}{target!r}{build(target)!r}"
    assert CANARY not in repr(vars(poller.connections.login(target)))
