"""A login is renewed when it expires or is refused, not at each poll."""

import asyncio
from dataclasses import replace

import pytest
from aiohttp import web

from exporter.errors import PollError
from exporter.settings import Target
from support.polling import NOW, OK, Hand, Poller, result
from support.scripted_site import Seen, Site
from support.webitel_engine import DAY, REFUSED, Engine, target_of


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


async def test_a_vendor_that_accepts_each_token_once_sees_a_login_each_half_minute(
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
    refused = replace(good, name="refused")
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


async def test_a_token_that_is_accepted_again_is_used_without_a_login(
    engine: Engine, poller: Poller, hand: Hand
) -> None:
    """A failure of the database of the vendor looks like a refusal."""
    target = target_of(engine)
    assert result(await poller.poll(target)) == OK
    taken, engine.taken, engine.password = engine.taken, set(), "for a while, none is right"
    assert result(await poller.poll(target)).startswith("http_401: login: HTTP 401")
    engine.taken = taken
    hand.passed += 1.0

    assert result(await poller.poll(target)) == OK
    assert engine.logins == 2


async def settled(poller: Poller, target: Target) -> None:
    login = poller.connections.login(target)
    assert login
    while login._task:
        await asyncio.sleep(0.001)


async def test_a_token_is_replaced_before_it_expires(
    engine: Engine, poller: Poller, hand: Hand
) -> None:
    target = target_of(engine)
    engine.expires = 1 * DAY
    for passed, expected in ((0.0, 1), (DAY - 301, 1), (DAY - 299, 2), (DAY, 2)):
        hand.passed = passed
        assert result(await poller.poll(target)) == OK
        await settled(poller, target)
        assert engine.logins == expected
        engine.expires = 2 * DAY


async def test_no_poll_waits_for_a_token_while_the_last_is_valid(
    engine: Engine, site: Site, poller: Poller, hand: Hand
) -> None:
    target = target_of(engine)
    engine.expires = 1 * DAY
    assert result(await poller.poll(target)) == OK
    site.go_on.clear()
    hand.passed = DAY - 1.0

    assert [result(await poller.poll(target)) for _ in range(3)] == [OK] * 3
    while len(site.asked("/login")) < 2:
        await asyncio.sleep(0)
    site.go_on.set()
    await settled(poller, target)
    assert engine.logins == 2


async def test_a_token_that_cannot_be_renewed_is_used_until_it_is_refused(
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
    assert result(await poller.poll(target)).startswith(f"{REFUSED}; the next ")


@pytest.mark.parametrize(
    "expires", [-DAY, 0.0, -NOW, 5.0, 29.0, None, 1e12], ids=lambda value: f"expires={value}"
)
async def test_clock_skew_does_not_cause_a_login_per_poll(
    expires: float | None, engine: Engine, poller: Poller, hand: Hand
) -> None:
    engine.expires = expires
    for _ in range(100):
        assert result(await poller.poll(target_of(engine))) == OK
        hand.passed += 0.25

    assert engine.logins == 1


async def test_the_retry_after_of_a_login_is_respected(
    engine: Engine, site: Site, poller: Poller, hand: Hand
) -> None:
    site.answers["/login"] = lambda _: web.Response(status=429, headers={"Retry-After": "300"})
    outcome = (await poller.poll(target_of(engine))).outcome
    hand.passed = 299.0
    await poller.poll(target_of(engine))

    assert isinstance(outcome, PollError)
    assert outcome.retry_after == 300.0
    assert len(site.asked("/login")) == 1
