"""A login is made once, renewed when it is refused or over, and never once a poll."""

import asyncio
import os
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from exporter.errors import PollError, Reason
from exporter.http.answer import StatusError
from exporter.http.connections import Connections
from exporter.http.message import Headers
from exporter.pipeline.request import build
from exporter.runtime.poll_run import PollRun
from exporter.runtime.poll_run import poll as poll_once
from exporter.secret import Secret
from exporter.settings import Target
from support.polling import NOW, OK, Hand, Poller, make_target, result
from support.process import unused_port
from support.scripted_site import Seen, Site
from support.webitel_engine import CANARY, DAY, Engine, login, target_of

REFUSED = 'http_401: login: HTTP 401, the server says "secret incorrect"'


@pytest.fixture
def engine(site: Site) -> Engine:
    return Engine(site)


async def test_one_login_serves_many_polls(engine: Engine, site: Site, poller: Poller) -> None:
    assert [result(await poller.poll(target_of(engine))) for _ in range(5)] == [OK] * 5

    (asked,) = site.asked("/login")
    assert asked.method == "POST"
    assert asked.headers["content-type"] == "application/json"
    assert "x-access-token" not in asked.headers
    assert poller.logins == {"c": 1}
    assert poller.failures == {}


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


async def test_polls_refused_at_once_log_in_once(engine: Engine, poller: Poller) -> None:
    assert result(await poller.poll(target_of(engine))) == OK
    engine.taken.clear()
    polls = await poller.together(target_of(engine), 50)

    assert [result(one) for one in polls] == [OK] * 50
    assert engine.logins == 2


async def test_a_late_refusal_of_an_old_token_needs_no_login(
    engine: Engine, poller: Poller, hand: Hand
) -> None:
    target = target_of(engine)
    login = poller.connections.login(target)
    tried: list[str] = []

    async def attempt(headers: Headers) -> str:
        tried.append(dict(headers)["X-Access-Token"])
        if len(tried) == 1:
            engine.taken.clear()
            assert result(await poller.poll(target)) == OK
            hand.passed += 60.0
            raise StatusError(Reason.HTTP_401, "HTTP 401", 0.0, 401, "")
        return "done"

    assert login
    assert await login.through("slow", 5.0, attempt) == "done"
    assert tried == [f"{CANARY}-token-1", f"{CANARY}-token-2"]
    assert engine.logins == 2


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
        f"{REFUSED}; the next login is tried in {seconds}s" for seconds in (30, 15, 60, 45)
    ]
    assert poller.logins == poller.failures == {"c": 2}


async def test_a_server_that_is_down_is_told_as_such(poller: Poller) -> None:
    target = make_target("webitel", f"http://127.0.0.1:{unused_port()}", client=login())

    assert result(await poller.poll(target)).startswith("connect: login: no connection: ")


async def test_a_login_that_hangs_is_told_as_such_and_ends_by_itself(
    engine: Engine, site: Site, poller: Poller
) -> None:
    site.go_on.clear()
    target = target_of(engine, timeout=0.5)
    first = result(await poller.poll(target))
    while not poller.failures:
        await asyncio.sleep(0.01)
    second = result(await poller.poll(target))

    assert first.startswith("timeout: login: no whole answer within 0.5s")
    assert second.startswith("timeout: login: no whole answer within 0.5s; the next login is ")
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
        REFUSED,
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


async def test_no_poll_waits_for_a_token_while_one_still_serves(
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
    assert result(await poller.poll(target)).startswith(f"{REFUSED}; the next ")


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


async def test_connections_count_nothing_unless_told(engine: Engine, hand: Hand) -> None:
    connections = Connections(hand.clock)
    target = target_of(engine)
    poll = await poll_once(PollRun(target, build(target), connections, hand.clock))
    await connections.close()

    assert result(poll) == OK


@pytest.mark.parametrize("passed", [DAY - 1.0, DAY + 1.0], ids=["serves", "over"])
async def test_a_poll_over_its_time_knows_whether_it_was_the_login_that_it_waited_for(
    passed: float, engine: Engine, site: Site, poller: Poller, hand: Hand
) -> None:
    engine.expires = 1 * DAY
    target = target_of(engine)
    assert result(await poller.poll(target)) == OK
    site.go_on.clear()
    hand.passed = passed
    login = poller.connections.login(target)
    assert login
    task = asyncio.create_task(login.through("slow", 5.0, lambda _: asyncio.Event().wait()))
    while len(site.asked("/login")) < 2:
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert [login.held_up("slow"), login.held_up("slow")] == [passed > DAY, False]
