"""A login is made once, renewed when it is refused or over, and never once a poll."""

import asyncio
import json as jsonlib
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web
from conftest import NOW, Sessions, make_target
from logins import Hand, Poller, Seen, Site, json, open_site
from servers import OK, result, serving, unused_port

from exporter.errors import PollError, Reason
from exporter.poll.cycle import poll as poll_once
from exporter.poll.extract import Reading
from exporter.poll.fetch import Connections
from exporter.poll.request import build
from exporter.poll.snapshot import Renderer, Tally
from exporter.secret import Secret
from exporter.settings import Client, Target, WebitelLogin
from exporter.simulator.app import World
from exporter.simulator.webitel_login import USER

BODY = jsonlib.loads((Path(__file__).parent / "answers/webitel/00_page_example.json").read_text())
CANARY = "canary-8271"
RIGHT = "webitel-demo"
MORNING = NOW
DAY = 86400.0


@pytest.fixture
def hand() -> Hand:
    return Hand()


@pytest.fixture(params=[Connections, Sessions], ids=["plain", "session"])
async def poller(request: pytest.FixtureRequest, hand: Hand) -> AsyncIterator[Poller]:
    one = Poller(request.param, hand)
    yield one
    await one.connections.close()


class Engine:
    """A Webitel: gives each login another token, and knows which of them it takes."""

    def __init__(self, site: Site, prefix: str = "") -> None:
        self.url = f"{site.url}{prefix}"
        self.taken: set[str] = set()
        self.takes_new = True
        self.refusal = web.json_response, {"status": "error", "info": "Invalid Token or Key"}, 401
        self.password = "webitel-demo"
        self.expires: float | None = 100 * DAY
        self.more: dict[str, object] = {}
        self.logins = 0
        site.answers[f"{prefix}/login"] = self.log_in
        site.answers[f"{prefix}/api/v2/status"] = self.status

    def log_in(self, seen: Seen) -> web.Response:
        self.logins += 1
        given = jsonlib.loads(seen.body)
        if given != {"username": USER.username, "password": self.password}:
            return web.json_response({"status": "error", "info": "Invalid User"}, status=401)
        token = f"{CANARY}-token-{self.logins}"
        if self.takes_new:
            self.taken.add(token)
        answer: dict[str, object] = {"token": token, "key": f"{CANARY}-key"}
        if self.expires is not None:
            answer["expires"] = round((NOW + self.expires) * 1000)
        return web.json_response(answer | self.more)

    def status(self, seen: Seen) -> web.Response:
        key = seen.headers.get("x-key")
        if seen.headers.get("x-access-token") in self.taken and key == f"{CANARY}-key":
            return web.json_response(BODY)
        make, body, status = self.refusal
        return make(body, status=status)


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with open_site() as one:
        yield one


@pytest.fixture
def engine(site: Site) -> Engine:
    return Engine(site)


def login(password: str | Secret = RIGHT) -> Client:
    secret = password if isinstance(password, Secret) else Secret(password)
    user = Secret(USER.username, is_plain=True)
    return Client(name="c", login=WebitelLogin(username=user, password=secret))


def target_of(engine: Engine, client: Client | None = None, timeout: float = 5.0) -> Target:
    return make_target("webitel", engine.url, client=client or login(), timeout=timeout)


async def test_one_login_serves_many_polls(engine: Engine, site: Site, poller: Poller) -> None:
    assert [result(await poller.poll(target_of(engine))) for _ in range(5)] == [OK] * 5

    (asked,) = site.asked("/login")
    assert asked.method == "POST"
    assert asked.headers["content-type"] == "application/json"
    assert "x-access-token" not in asked.headers
    assert poller.logins == {"c": 1}
    assert poller.failures == {}


async def test_the_login_stands_below_the_context_path(site: Site, poller: Poller) -> None:
    old, new = Engine(site, "/old"), Engine(site)
    for engine in (old, new, old, new):
        assert result(await poller.poll(target_of(engine))) == OK

    assert (old.logins, new.logins) == (1, 1)


async def test_clients_do_not_share_a_login(engine: Engine, poller: Poller) -> None:
    for name in ("a", "b", "a"):
        client = replace(login(), name=name)
        assert result(await poller.poll(target_of(engine, client))) == OK

    assert poller.logins == {"a": 1, "b": 1}


async def test_polls_at_once_log_in_once(engine: Engine, site: Site, poller: Poller) -> None:
    site.go_on.clear()
    polls = asyncio.create_task(poller.together(target_of(engine), 50))
    while not site.asked("/login"):
        await asyncio.sleep(0)
    site.go_on.set()

    assert [result(one) for one in await polls] == [OK] * 50
    assert engine.logins == 1


REFUSALS = {
    "401": ({"status": "error", "info": "Invalid Token or Key"}, 401),
    "400 up to release 3.5": ({"status": "error", "info": "Token Expired"}, 400),
}


@pytest.mark.parametrize(("body", "status"), REFUSALS.values(), ids=REFUSALS)
async def test_a_refused_token_is_replaced_within_the_poll(
    body: dict[str, str], status: int, engine: Engine, poller: Poller
) -> None:
    engine.refusal = web.json_response, body, status
    assert result(await poller.poll(target_of(engine))) == OK
    engine.taken.clear()

    assert result(await poller.poll(target_of(engine))) == OK
    assert result(await poller.poll(target_of(engine))) == OK
    assert engine.logins == 2


async def test_polls_refused_at_once_log_in_once(engine: Engine, poller: Poller) -> None:
    assert result(await poller.poll(target_of(engine))) == OK
    engine.taken.clear()
    polls = await poller.together(target_of(engine), 50)

    assert [result(one) for one in polls] == [OK] * 50
    assert engine.logins == 2


OTHERS = {
    "another 400": ({"status": "error", "info": "Bad request"}, 400, "http_4xx: HTTP 400"),
    "403": ({"info": "Token Expired"}, 403, "http_403: HTTP 403"),
    "500": ({"info": "Token Expired"}, 500, "http_5xx: HTTP 500"),
}


@pytest.mark.parametrize(("body", "status", "expected"), OTHERS.values(), ids=OTHERS)
async def test_what_refuses_no_token_means_no_login(
    body: dict[str, str], status: int, expected: str, engine: Engine, poller: Poller
) -> None:
    engine.refusal = web.json_response, body, status
    engine.takes_new = False

    assert result(await poller.poll(target_of(engine))) == expected
    assert engine.logins == 1


BODIES = {
    "whole": (b"HTTP/1.1 400 Bad\r\nContent-Length: 13\r\n\r\nToken Expired", True),
    "chunked": (
        b"HTTP/1.1 400 Bad\r\nTransfer-Encoding: chunked\r\n\r\nd\r\nToken Expired\r\n0\r\n\r\n",
        True,
    ),
    "cut short": (
        b"HTTP/1.1 400 Bad\r\nConnection: close\r\nContent-Length: 99\r\n\r\nToken Expired",
        True,
    ),
    "until the end": (b"HTTP/1.1 400 Bad\r\nConnection: close\r\n\r\nToken Expired", True),
    "followed by a megabyte": (
        b"HTTP/1.1 400 Bad\r\nContent-Length: 1000013\r\n\r\nToken Expired" + b" " * 1_000_000,
        True,
    ),
    "after a megabyte": (
        b"HTTP/1.1 400 Bad\r\nContent-Length: 1000013\r\n\r\n"
        + b" " * 1_000_000
        + b"Token Expired",
        False,
    ),
    "none": (b"HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n", False),
}


@pytest.mark.parametrize(("answer", "means_login"), BODIES.values(), ids=BODIES)
async def test_of_a_refusal_the_beginning_is_read(
    answer: bytes, means_login: bool, poller: Poller
) -> None:
    logins = 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal logins
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            if head.startswith(b"POST"):
                logins += 1
                await reader.readuntil(b"}")
                body = b'{"token": "t", "key": "k"}'
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            else:
                writer.write(answer)
            await writer.drain()
            if b"Connection: close" in answer and head.startswith(b"GET"):
                return

    async with serving(handle) as url:
        actual = result(await poller.poll(make_target("webitel", url, client=login())))

    assert actual.startswith("http_4xx: HTTP 400")
    assert logins == (2 if means_login else 1)


@pytest.mark.parametrize("interval", [1.0, 15.0])
async def test_a_vendor_that_always_refuses_sees_few_logins(
    interval: float, engine: Engine, poller: Poller, hand: Hand
) -> None:
    engine.takes_new = False
    for _ in range(1000):
        assert result(await poller.poll(target_of(engine))).startswith("http_401: HTTP 401")
        hand.passed += interval

    # The first two, then after 30, 60, 120, 240, 480 and each 600 seconds.
    assert engine.logins == (7 if interval == 1.0 else 2 + 5 + int((15_000 - 930) / 600))


async def test_a_vendor_that_takes_each_token_once_sees_a_login_each_half_minute(
    engine: Engine, poller: Poller, hand: Hand
) -> None:
    for _ in range(100):
        await poller.poll(target_of(engine))
        engine.taken.clear()
        hand.passed += 1.0

    assert engine.logins <= 2 + 100 / 30


async def test_a_target_that_is_always_refused_does_not_make_others_log_in(
    engine: Engine, site: Site, poller: Poller, hand: Hand
) -> None:
    good = target_of(engine)
    refused = replace(good, name="refused", system=replace(good.system))
    real = engine.status
    turn = 0

    def status(seen: Seen) -> web.Response:
        return real(seen) if turn == 0 else web.json_response({}, status=401)

    site.answers["/api/v2/status"] = status
    for _ in range(1000):
        for turn, target in enumerate((good, refused)):
            actual = result(await poller.poll(target))
            assert actual == OK if turn == 0 else actual.startswith("http_401: ")
        hand.passed += 15.0

    assert engine.logins < 35


async def test_a_good_poll_ends_the_pauses(engine: Engine, poller: Poller, hand: Hand) -> None:
    target = target_of(engine)
    engine.takes_new = False
    for _ in range(100):
        await poller.poll(target)
        hand.passed += 15.0
    engine.takes_new = True
    hand.passed += 600.0
    assert result(await poller.poll(target)) == OK
    hand.passed += 30.0
    before = engine.logins
    engine.taken.clear()

    assert result(await poller.poll(target)) == OK
    assert engine.logins == before + 1


async def test_a_held_token_that_serves_again_is_used_without_a_login(
    engine: Engine, poller: Poller, hand: Hand
) -> None:
    """As after a failure of the vendor's database, which looks like a refusal."""
    target = target_of(engine)
    assert result(await poller.poll(target)) == OK
    taken, engine.taken, engine.password = engine.taken, set(), "for a while, none is right"
    assert result(await poller.poll(target)).startswith("http_401: login: HTTP 401")
    engine.taken = taken
    hand.passed += 1.0

    assert result(await poller.poll(target)) == OK
    assert engine.logins == 2


async def test_a_failed_login_is_told_with_when_the_next_one_is(
    engine: Engine, poller: Poller, hand: Hand
) -> None:
    engine.password = "another"
    told = []
    for _ in range(4):
        told.append(result(await poller.poll(target_of(engine))))
        hand.passed += 15.0

    assert told == [
        f"http_401: login: HTTP 401; the next login is tried in {seconds}s"
        for seconds in (30, 15, 60, 45)
    ]
    assert poller.logins == poller.failures == {"c": 2}


def answer(status: int = 200, **more: object) -> object:
    return json({"token": "t", "key": "k"} | more, status)


def broken(_: Seen) -> web.Response:
    return web.Response(body=b'{"token": ', content_type="application/json")


def code_wanted(_: Seen) -> web.Response:
    return web.Response(status=301, text="Set security code")


def redirected(_: Seen) -> web.Response:
    return web.Response(status=302, headers={"Location": "/elsewhere"})


def endless(_: Seen) -> web.Response:
    return web.Response(body=b" " * 70_000)


FAILURES = {
    "no token": (json({"key": "k"}), "bad_shape: login: the answer has no token"),
    "an empty token": (json({"token": ""}), "bad_shape: login: the answer has no token"),
    "a number": (json({"token": 1}), "bad_shape: login: the answer has no token"),
    "a list": (json([]), "bad_shape: login: the answer is not an object"),
    "no JSON": (broken, "bad_json: login: the answer is not valid JSON"),
    "a line end in the token": (
        json({"token": f"{CANARY}\r\nX-Admin: 1"}),
        "bad_shape: login: the token of the answer cannot stand in a header",
    ),
    "a line end in the key": (
        json({"token": "t", "key": f"{CANARY}\n"}),
        "bad_shape: login: the key of the answer cannot stand in a header",
    ),
    "a lone surrogate": (
        json({"token": "\ud800"}),
        "bad_shape: login: the token of the answer cannot stand in a header",
    ),
    "a key that is none": (
        json({"token": "t", "key": {}}),
        "bad_shape: login: the answer has no key",
    ),
    "a second factor": (
        code_wanted,
        "http_401: login: HTTP 301: the user has to give a security code",
    ),
    "a redirect": (redirected, "redirect: login: HTTP 302, which is not followed: correct the url"),
    "too much": (endless, "too_large: login: more than 65536 bytes"),
    "503": (json({}, 503), "http_503: login: HTTP 503"),
    "404": (json({}, 404), "http_404: login: HTTP 404"),
}


@pytest.mark.parametrize(("given", "expected"), FAILURES.values(), ids=FAILURES)
async def test_a_login_that_fails_gives_its_reason(
    given: object, expected: str, engine: Engine, site: Site, poller: Poller
) -> None:
    site.answers["/login"] = given  # type: ignore[assignment]
    actual = result(await poller.poll(target_of(engine)))

    assert actual.partition(";")[0] == expected
    assert site.asked("/api/v2/status") == []


async def test_a_server_that_is_down_is_told_as_such(poller: Poller) -> None:
    target = make_target("webitel", f"http://127.0.0.1:{unused_port()}", client=login())

    assert result(await poller.poll(target)).startswith("connect: login: no connection: ")


async def test_a_login_that_hangs_is_told_as_such_and_ends_by_itself(
    engine: Engine, site: Site, poller: Poller
) -> None:
    site.go_on.clear()
    target = target_of(engine, timeout=0.05)
    first = result(await poller.poll(target))
    while not poller.failures:
        await asyncio.sleep(0.01)
    second = result(await poller.poll(target))

    assert first.startswith("timeout: login: no whole answer within 0.05s")
    assert second.startswith("timeout: login: no whole answer within 0.05s; the next login is ")
    assert len(site.asked("/login")) == 1


async def test_a_cancelled_poll_does_not_take_the_login_from_others(
    engine: Engine, site: Site, poller: Poller
) -> None:
    site.go_on.clear()
    first = asyncio.create_task(poller.poll(target_of(engine)))
    while not site.asked("/login"):
        await asyncio.sleep(0)
    second = asyncio.create_task(poller.poll(replace(target_of(engine), name="second")))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    site.go_on.set()

    assert result(await second) == OK
    assert engine.logins == 1


async def test_a_login_under_way_ends_with_the_connections(
    engine: Engine, site: Site, poller: Poller
) -> None:
    site.go_on.clear()
    before = asyncio.all_tasks()
    task = asyncio.create_task(poller.poll(target_of(engine)))
    while not site.asked("/login"):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await poller.connections.close()

    left = {one for one in asyncio.all_tasks() - before if "_run" in str(one.get_coro())}
    assert left == set()


async def test_a_new_password_is_tried_at_once(
    engine: Engine, poller: Poller, tmp_path: Path
) -> None:
    path = tmp_path / "password"
    path.write_text("wrong", encoding="utf-8")
    client = login(Secret(file=path))
    told = [result(await poller.poll(target_of(engine, client)))]
    path.unlink()
    told.append(result(await poller.poll(target_of(engine, client))))
    path.write_text("webitel-demo\n", encoding="utf-8")
    told.append(result(await poller.poll(target_of(engine, client))))

    assert [one.partition(";")[0] for one in told] == [
        "http_401: login: HTTP 401",
        f"credentials: login: {path}: No such file or directory",
        OK,
    ]
    assert engine.logins == 2


async def test_a_changed_password_leaves_a_good_token_alone(
    engine: Engine, poller: Poller, tmp_path: Path
) -> None:
    path = tmp_path / "password"
    path.write_text("webitel-demo", encoding="utf-8")
    client = login(Secret(file=path))
    assert result(await poller.poll(target_of(engine, client))) == OK
    path.write_text("another", encoding="utf-8")
    os.utime(path, (1, 1))

    assert result(await poller.poll(target_of(engine, client))) == OK
    assert engine.logins == 1


async def test_a_token_is_replaced_before_it_expires(
    engine: Engine, poller: Poller, hand: Hand
) -> None:
    target = target_of(engine)
    engine.expires = 1 * DAY
    for passed, expected in ((0.0, 1), (DAY - 301, 1), (DAY - 299, 2), (DAY, 2)):
        hand.passed = passed
        assert result(await poller.poll(target)) == OK
        assert engine.logins == expected
        engine.expires = 2 * DAY


async def test_a_token_that_cannot_be_replaced_is_used_until_it_is_refused(
    engine: Engine, poller: Poller, hand: Hand
) -> None:
    target = target_of(engine)
    engine.expires = 1 * DAY
    assert result(await poller.poll(target)) == OK
    engine.password = "another"
    hand.passed = DAY + 1.0

    assert [result(await poller.poll(target)) for _ in range(3)] == [OK] * 3
    assert poller.failures == {"c": 1}
    engine.taken.clear()
    assert result(await poller.poll(target)).startswith("http_401: login: HTTP 401; the next ")


@pytest.mark.parametrize(
    "expires", [-DAY, 0.0, -NOW, 5.0, 29.0, None, 1e12], ids=lambda value: f"expires={value}"
)
async def test_a_wrong_clock_does_not_mean_a_login_a_poll(
    expires: float | None, engine: Engine, poller: Poller, hand: Hand
) -> None:
    engine.expires = expires
    for _ in range(100):
        assert result(await poller.poll(target_of(engine))) == OK
        hand.passed += 0.25

    assert engine.logins == 1


@pytest.mark.parametrize("expires", ["soon", True, {}, 10**400, -(10**400), "1735689600000"])
async def test_an_end_that_cannot_be_read_is_none(
    expires: object, engine: Engine, poller: Poller
) -> None:
    engine.more = {"expires": expires}

    assert [result(await poller.poll(target_of(engine))) for _ in range(2)] == [OK] * 2
    assert engine.logins == 1


async def test_a_token_without_a_key_goes_alone(engine: Engine, site: Site, poller: Poller) -> None:
    engine.more = {"key": None}
    await poller.poll(target_of(engine))

    assert "x-key" not in site.asked("/api/v2/status")[0].headers


async def test_what_a_login_gave_never_shows(
    engine: Engine, site: Site, poller: Poller, caplog: pytest.LogCaptureFixture
) -> None:
    def status(seen: Seen) -> web.Response:
        token, key = seen.headers["x-access-token"], seen.headers["x-key"]
        told = {"Version": f"{token} {key}", "Users session": f"{token}{'x' * 99}"}
        return web.json_response({**BODY, **told})

    site.answers["/api/v2/status"] = status
    target = target_of(engine, login(f"{CANARY}-password"))
    engine.password = f"{CANARY}-password"
    poll = await poller.poll(target)
    lines = b"".join(Renderer(target).render(poll, Tally(polls=1)).lines).decode()
    assert isinstance(poll.outcome, Reading)
    assert "<secret>" in lines
    assert "<secret>" in poll.outcome.faults[0].message
    told = f"{lines}{poll!r}{caplog.text}{target!r}{build(target)!r}"
    assert CANARY not in told
    assert CANARY not in repr(vars(poller.connections.login(target)))


class Crashing(Connections):
    """Stands for a mistake of ours, in whose message a token stands."""

    def of(self, target: Target) -> object:  # type: ignore[override]
        login = self.login(target)
        assert login is not None
        if login.obtained:
            raise RuntimeError(f"no way with {login.obtained}")
        return super().of(target)


async def test_a_mistake_of_ours_shows_no_token(
    engine: Engine, hand: Hand, caplog: pytest.LogCaptureFixture
) -> None:
    poller = Poller(Crashing, hand)
    target = target_of(engine)
    assert result(await poller.poll(target)) == OK
    outcome = (await poller.poll(target)).outcome
    await poller.connections.close()

    assert isinstance(outcome, PollError)
    assert outcome.reason is Reason.INTERNAL
    facts = [str(record.__dict__.get("facts")) for record in caplog.records]
    assert "no way with (" in facts[0]
    assert CANARY not in "".join(facts)


async def test_a_mistake_of_ours_in_a_login_costs_no_login_a_poll(
    engine: Engine,
    poller: Poller,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    calls = 0

    async def ask(_self: object, _session: object) -> None:
        nonlocal calls
        calls += 1
        await asyncio.sleep(0)
        raise RuntimeError(f"{CANARY}-password")

    monkeypatch.setattr("exporter.poll.webitel_login.WebitelMethod.ask", ask)
    target = target_of(engine, login(f"{CANARY}-password"))
    for poll in (*await poller.together(target, 3), await poller.poll(target)):
        assert result(poll).startswith("internal: ")

    assert calls == 1
    assert CANARY not in "".join(str(record.__dict__.get("facts")) for record in caplog.records)


async def test_a_vendor_that_asks_for_a_pause_gets_it(
    engine: Engine, site: Site, poller: Poller, hand: Hand
) -> None:
    site.answers["/login"] = lambda _: web.Response(status=429, headers={"Retry-After": "300"})
    outcome = (await poller.poll(target_of(engine))).outcome
    hand.passed = 299.0
    await poller.poll(target_of(engine))

    assert isinstance(outcome, PollError)
    assert outcome.retry_after == 300.0
    assert len(site.asked("/login")) == 1


@pytest.mark.parametrize("prefix", ["", "/old"])
async def test_the_simulator_is_polled_with_a_login(
    prefix: str, site: Site, poller: Poller
) -> None:
    """Through the real thing, in which an expired token is a 401 or a 400 by its release."""
    from aiohttp.test_utils import TestServer  # noqa: PLC0415 - nobody else here needs it

    from exporter.simulator.app import make_app  # noqa: PLC0415 - the same

    del site
    world = World(clock=lambda: MORNING)
    vendor = world.webitel_old if prefix else world.webitel
    async with TestServer(make_app(world)) as server:
        target = make_target(
            "webitel", f"{server.make_url(prefix)}".rstrip("/"), client=login(USER.password)
        )
        assert [result(await poller.poll(target)) for _ in range(3)] == [OK] * 3
        vendor.logins.expire()
        assert result(await poller.poll(target)) == OK

    assert vendor.logins.count == 2


async def test_a_token_goes_to_its_own_server_alone(site: Site, poller: Poller) -> None:
    async with open_site() as other_site:
        one, other = Engine(site), Engine(other_site)
        one.more, other.more = {"token": "one"}, {"token": "other"}
        one.taken, other.taken = {"one"}, {"other"}
        for engine in (one, other, one, other):
            assert result(await poller.poll(target_of(engine))) == OK

        assert {seen.headers["x-access-token"] for seen in other_site.asked("/api/v2/status")} == {
            "other"
        }


async def test_connections_count_nothing_unless_told(engine: Engine, hand: Hand) -> None:
    connections = Connections(hand.clock)
    target = target_of(engine)
    poll = await poll_once(target, build(target), connections, hand.clock)
    await connections.close()

    assert result(poll) == OK
