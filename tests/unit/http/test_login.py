"""A login is shared by polls, fails with a reason, and follows its password."""

import asyncio
import os
from dataclasses import replace
from pathlib import Path

import pytest

from exporter.errors import Reason
from exporter.http.answer import StatusError
from exporter.http.connections import Connections
from exporter.http.message import Headers
from exporter.pipeline.request import build
from exporter.runtime.poll_run import PollRun
from exporter.runtime.poll_run import poll as poll_once
from exporter.secret import Secret
from support.polling import OK, Hand, Poller, make_target, result
from support.process import unused_port
from support.scripted_site import Site
from support.webitel_engine import CANARY, DAY, REFUSED, Engine, login, target_of


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


async def test_a_failed_login_is_reported_with_the_time_of_the_next(
    engine: Engine, poller: Poller, hand: Hand
) -> None:
    engine.password = "another"
    results = []
    for _ in range(4):
        results.append(result(await poller.poll(target_of(engine))))
        hand.passed += 15.0

    assert results == [
        f"{REFUSED}; the next login is tried in {seconds}s" for seconds in (30, 15, 60, 45)
    ]
    assert poller.logins == poller.failures == {"c": 2}


async def test_a_server_that_is_down_is_reported_as_such(poller: Poller) -> None:
    target = make_target("webitel", f"http://127.0.0.1:{unused_port()}", client=login())

    assert result(await poller.poll(target)).startswith("connect: login: no connection: ")


async def test_a_login_that_hangs_is_reported_and_times_out(
    engine: Engine, site: Site, poller: Poller
) -> None:
    site.go_on.clear()
    target = target_of(engine, timeout=0.5)
    first = result(await poller.poll(target))
    while not poller.failures:
        await asyncio.sleep(0.01)
    second = result(await poller.poll(target))

    assert first.startswith("timeout: login: no complete answer within 0.5s")
    assert second.startswith("timeout: login: no complete answer within 0.5s; the next login is ")
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
    results = [result(await poller.poll(target_of(engine, client)))]
    path.unlink()
    results.append(result(await poller.poll(target_of(engine, client))))
    path.write_text("webitel-demo\n", encoding="utf-8")
    results.append(result(await poller.poll(target_of(engine, client))))

    assert [one.partition(";")[0] for one in results] == [
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


async def test_logins_are_counted_only_on_request(engine: Engine, hand: Hand) -> None:
    connections = Connections(hand.clock)
    target = target_of(engine)
    poll = await poll_once(PollRun(target, build(target), connections, hand.clock))
    await connections.close()

    assert result(poll) == OK


@pytest.mark.parametrize("passed", [DAY - 1.0, DAY + 1.0], ids=["serves", "over"])
async def test_a_poll_that_timed_out_knows_whether_it_waited_for_the_login(
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
