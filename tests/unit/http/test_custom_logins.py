"""Logins of custom systems: tokens that expire, cookies of forms, and messages of failures."""

import json as json_module
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

import pytest
from aiohttp import web

from exporter.errors import PollError
from exporter.secret import Secret
from exporter.settings import Client, PasswordLogin, Target
from support.declarations import system_of
from support.polling import NOW, OK, Hand, Poller, make_target, result
from support.scripted_site import Seen, Site, json

PASSWORD = "canary-8271-password"
TOKEN = "canary-8271-token"
FIELDS = [{"gauge": "s_v", "path": "/v"}, {"info": "s_info", "labels": {"said": "/said"}}]
JSON_LOGIN: dict[str, Any] = {
    "request": {"path": "/auth", "json": {"user": "{username}", "password": "{password}"}},
    "token": "/data/token",
    "headers": {"Authorization": "Token {token}", "X-Tenant": "{/data/tenant}"},
}
FORM_LOGIN: dict[str, Any] = {
    "request": {"path": "/auth", "form": {"user": "{username}", "pass": "{password}"}},
    "token": {"cookie": "sid"},
}


def target_of(site: Site, login: dict[str, Any], **more: Any) -> Target:
    system = system_of(
        {"endpoints": [{"path": "/status", "fields": FIELDS}], "login": login} | more
    )
    user = PasswordLogin(username=Secret("ü&user"), password=Secret(PASSWORD))
    return replace(make_target(url=site.url, client=Client(name="c", login=user)), system=system)


def status(seen: Seen) -> web.Response:
    sent = seen.headers.get("authorization", "") + seen.headers.get("cookie", "")
    return web.json_response({"v": 1, "said": sent}, status=200 if TOKEN in sent else 401)


@pytest.fixture(autouse=True)
def answers(site: Site) -> None:
    site.answers["/status"] = status


def granted(**more: Any) -> Any:
    return json({"data": {"token": TOKEN, "tenant": "t1"} | more})


async def test_a_token_goes_into_the_declared_headers(site: Site, poller: Poller) -> None:
    site.answers["/auth"] = granted()
    poll = await poller.poll(target_of(site, JSON_LOGIN))

    assert result(poll) == OK
    (asked,), (polled,) = site.asked("/auth"), site.asked("/status")
    assert json_module.loads(asked.body) == {"user": "ü&user", "password": PASSWORD}
    assert polled.headers["authorization"] == f"Token {TOKEN}"
    assert polled.headers["x-tenant"] == "t1"
    # The token is never shown, in no form in which it was sent.
    assert TOKEN not in repr(poll)
    assert "Token <secret>" in repr(poll)


ENDS = {
    "a time in milliseconds": ({"time": "milliseconds"}, round((NOW + 3600) * 1000)),
    "a time in text": ("time", "2024-03-18T10:12:44.250Z"),
    "seconds from now": ("number", 3600),
    "a duration": ("duration", "1h"),
    "milliseconds from now": ("milliseconds", "3600000"),
}


@pytest.mark.parametrize(("read", "value"), ENDS.values(), ids=ENDS)
async def test_a_token_is_renewed_before_it_expires(
    read: Any, value: Any, site: Site, poller: Poller, hand: Hand
) -> None:
    login = JSON_LOGIN | {"expires": {"path": "/data/until", "read": read}}
    site.answers["/auth"] = granted(until=value)
    target = target_of(site, login)
    logins = []
    # It is renewed 300 seconds before it expires; polls wait for that only afterwards.
    for passed in (0.0, 3299.0, 3601.0):
        hand.passed = passed
        assert result(await poller.poll(target)) == OK
        logins.append(len(site.asked("/auth")))

    assert logins == [1, 1, 2]


@pytest.mark.parametrize("value", [None, "soon", [], {"a": 1}])
async def test_an_unreadable_expiry_means_none(
    value: Any, site: Site, poller: Poller, hand: Hand
) -> None:
    site.answers["/auth"] = granted(until=value)
    target = target_of(site, JSON_LOGIN | {"expires": {"path": "/data/until", "read": "number"}})
    for hand.passed in (0.0, 1e6):
        assert result(await poller.poll(target)) == OK

    assert len(site.asked("/auth")) == 1


COOKIES = {
    "one": [f"sid={TOKEN}"],
    "with attributes": [f"sid={TOKEN}; Path=/; HttpOnly"],
    "among others": ["lang=en", f"sid={TOKEN}; Secure", "theme=dark"],
    "set twice": ["sid=old", f"sid={TOKEN}"],
    "with a sign": [f"sid={TOKEN}=="],
}


@pytest.mark.parametrize("cookies", COOKIES.values(), ids=COOKIES)
@pytest.mark.parametrize("code", [200, 302, 303])
async def test_a_form_login_sets_a_cookie(
    code: int, cookies: list[str], site: Site, poller: Poller
) -> None:
    def log_in(_: Seen) -> web.Response:
        one = web.Response(status=code, headers={"Location": "/home"} if code > 300 else {})
        for cookie in cookies:
            one.headers.add("Set-Cookie", cookie)
        return one

    site.answers["/auth"] = log_in
    poll = await poller.poll(target_of(site, FORM_LOGIN))

    assert result(poll) == OK
    (asked,), (polled,) = site.asked("/auth"), site.asked("/status")
    assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
    assert parse_qsl(asked.body) == [("user", "ü&user"), ("pass", PASSWORD)]
    assert polled.headers["cookie"].startswith(f"sid={TOKEN}")
    # The value is redacted without the cookie's name, too.
    assert TOKEN not in repr(poll)


@pytest.mark.parametrize(
    ("cookie", "expected"),
    [
        (None, "bad_shape: login: the answer sets no cookie sid"),
        ("sidx=1", "bad_shape: login: the answer sets no cookie sid"),
        ("sid=; Max-Age=0", "bad_shape: login: the answer has no token"),
        ("sid=a b", "bad_shape: login: the token of the answer cannot be sent in a header"),
    ],
)
async def test_a_form_login_without_its_cookie_fails(
    cookie: str | None, expected: str, site: Site, poller: Poller
) -> None:
    headers = {"Set-Cookie": cookie} if cookie else {}
    site.answers["/auth"] = lambda _: web.Response(text="Wrong password", headers=headers)

    assert result(await poller.poll(target_of(site, FORM_LOGIN))).partition(";")[0] == expected


@pytest.mark.parametrize(
    ("code", "body", "logins"),
    [
        (403, "token expired", 2),
        (403, "not allowed", 1),
        (419, "", 2),
        (401, "token expired", 1),
    ],
)
async def test_only_declared_answers_reject_a_token(
    code: int, body: str, logins: int, site: Site, poller: Poller
) -> None:
    rejected_by = [{"status": 403, "matches": "(?i)expired"}, {"status": 419}]
    site.answers["/auth"] = granted()
    site.answers["/status"] = lambda _: web.Response(status=code, text=body)
    actual = result(await poller.poll(target_of(site, JSON_LOGIN | {"rejected_by": rejected_by})))

    assert f"HTTP {code}" in actual
    assert len(site.asked("/auth")) == logins


SAID: dict[str, tuple[Any, str]] = {
    "info": ({"status": "error", "info": "Invalid User"}, "Invalid User"),
    "message first": ({"info": "x", "message": "Database down"}, "Database down"),
    "error": ({"error": "locked"}, "locked"),
    "an OAuth error": ({"error": "e", "error_description": "No such user"}, "No such user"),
    "a detail that is no text": ({"message": {"a": 1}, "detail": "Later"}, "Later"),
    "a text": ("try \n again", "try again"),
    "a JSON text": ('"Wrong password"', "Wrong password"),
    "a page": ("<html>Log in</html>", ""),
    "a list": ("[1]", ""),
    "nothing": ("", ""),
    "nothing of use": ({"code": 5}, ""),
    "a control character": ({"info": "a\x1b[2Jb"}, "a\ufffd[2Jb"),
    "a long text": ("y" * 500, f"{'y' * 120}..."),
    "the password": ({"info": f"no {PASSWORD}!"}, "no <secret>!"),
    "the password at the cut": (f"{'x' * 110}{PASSWORD}{'z' * 50}", f"{'x' * 110}<secret>zz..."),
}


@pytest.mark.parametrize(("body", "said"), SAID.values(), ids=SAID)
async def test_a_failed_login_shows_what_the_server_says(
    body: Any, said: str, site: Site, poller: Poller, caplog: pytest.LogCaptureFixture
) -> None:
    text = body if isinstance(body, str) else json_module.dumps(body)
    site.answers["/auth"] = lambda _: web.Response(status=401, text=text)
    actual = result(await poller.poll(target_of(site, JSON_LOGIN)))

    words = f', the server says "{said}"' if said else ""
    assert actual == f"http_401: login: HTTP 401{words}; the next login is tried in 30s"
    assert PASSWORD[:8] not in f"{actual}{caplog.text}{[vars(one) for one in caplog.records]}"


async def test_a_login_without_a_token_shows_what_the_server_says(
    site: Site, poller: Poller
) -> None:
    site.answers["/auth"] = json({"message": "Second factor needed"})

    assert result(await poller.poll(target_of(site, JSON_LOGIN))).startswith(
        'bad_shape: login: the answer has no /data/token, the server says "Second factor needed";'
    )


async def test_a_status_is_explained_as_declared(site: Site, poller: Poller) -> None:
    site.answers["/auth"] = json({"info": "?"}, 418)
    login = JSON_LOGIN | {"explain": {418: "The user is locked; unlock it."}}

    assert result(await poller.poll(target_of(site, login))).startswith(
        "http_401: login: HTTP 418: The user is locked; unlock it; the next login"
    )


async def test_two_systems_of_one_client_have_separate_logins(site: Site, poller: Poller) -> None:
    site.answers["/auth"] = granted()
    site.answers["/other"] = json({"t": f"{TOKEN}-other"})
    other = {"request": {"path": "/other"}, "token": "/t", "headers": {"Authorization": "{token}"}}
    one, two = target_of(site, JSON_LOGIN), target_of(site, other)
    for target in (one, two, one, two):
        assert result(await poller.poll(target)) == OK

    assert one.client == two.client
    assert (len(site.asked("/auth")), len(site.asked("/other"))) == (1, 1)
    assert [seen.headers["authorization"] for seen in site.asked("/status")] == [
        f"Token {TOKEN}",
        f"{TOKEN}-other",
    ] * 2


async def test_targets_with_different_parameters_have_separate_logins(
    site: Site, poller: Poller
) -> None:
    login = JSON_LOGIN | {"request": {"path": "/auth", "json": {"tenant": "{tenant}"}}}
    site.answers["/auth"] = granted()
    target = target_of(site, login, params={"tenant": {"help": "T."}})
    for tenant in ("a", "b", "a"):
        assert result(await poller.poll(replace(target, params={"tenant": tenant}))) == OK

    assert [json_module.loads(one.body)["tenant"] for one in site.asked("/auth")] == ["a", "b"]


TWO: list[dict[str, Any]] = [
    {"path": "/status", "fields": [{"gauge": "s_v", "path": "/v"}]},
    {"path": "/more", "optional": True, "fields": [{"gauge": "s_more", "path": "/more"}]},
]


def plain(site: Site, endpoints: list[Any]) -> Target:
    return replace(make_target(url=site.url), system=system_of({"endpoints": endpoints}))


async def test_an_optional_endpoint_that_fails_is_a_fault(site: Site, poller: Poller) -> None:
    site.answers["/status"] = json({"v": 1})
    site.answers["/more"] = json({}, 404)
    outcome = (await poller.poll(plain(site, TWO))).outcome

    assert not isinstance(outcome, PollError)
    assert [one.family for one in outcome.samples] == ["s_v"]
    assert outcome.faults == (("s_more", "http_404: HTTP 404"),)
    site.answers["/more"] = json({"more": 2})
    outcome = (await poller.poll(plain(site, TWO))).outcome
    assert not isinstance(outcome, PollError)
    assert [(one.family, one.value) for one in outcome.samples] == [("s_v", 1.0), ("s_more", 2.0)]


async def test_an_endpoint_that_is_needed_fails_the_poll(site: Site, poller: Poller) -> None:
    site.answers["/status"] = json({}, 500)
    site.answers["/more"] = json({"more": 2})

    assert result(await poller.poll(plain(site, TWO))) == "http_5xx: HTTP 500"


async def test_a_target_of_optional_endpoints_is_up_while_one_answers(
    site: Site, poller: Poller
) -> None:
    target = plain(site, [one | {"optional": True} for one in TWO])
    site.answers["/status"] = json({}, 500)
    site.answers["/more"] = json({"more": 2})
    assert result(await poller.poll(target)) == OK
    site.answers["/more"] = json({}, 404)
    assert result(await poller.poll(target)) == "http_404: HTTP 404"


@pytest.mark.parametrize(("code", "logins", "expected"), [(404, 1, OK), (401, 2, "http_401: ")])
async def test_an_optional_endpoint_fails_alone_unless_the_token_is_rejected(
    code: int, logins: int, expected: str, site: Site, poller: Poller
) -> None:
    site.answers["/auth"] = granted()
    site.answers["/more"] = json({}, code)
    actual = result(await poller.poll(target_of(site, JSON_LOGIN, endpoints=TWO)))

    assert actual.startswith(expected)
    assert len(site.asked("/auth")) == logins


@pytest.mark.parametrize(("code", "expected"), [(503, OK), (200, OK), (500, "http_5xx: HTTP 500")])
async def test_an_accepted_status_is_read(
    code: int, expected: str, site: Site, poller: Poller
) -> None:
    site.answers["/status"] = json({"v": 7}, code)
    outcome = await poller.poll(plain(site, [TWO[0] | {"accept_status": [503, 429]}]))

    assert result(outcome) == expected
