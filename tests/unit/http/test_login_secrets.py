"""Passwords and tokens are never shown."""

import asyncio

import pytest
from aiohttp import web

from exporter.declare.extraction import Extraction
from exporter.errors import PollError, Reason
from exporter.http.client import PooledClient
from exporter.http.connections import Connections
from exporter.pipeline.request import build
from exporter.pipeline.snapshot import PollCounts, take_snapshot
from exporter.settings import Target
from support.polling import OK, Hand, Poller, lines_of, result
from support.scripted_site import Seen, Site
from support.webitel_engine import BODY, CANARY, Engine, login, target_of


async def test_tokens_are_never_shown(
    engine: Engine, site: Site, poller: Poller, caplog: pytest.LogCaptureFixture
) -> None:
    def status(seen: Seen) -> web.Response:
        token, key = seen.headers["x-access-token"], seen.headers["x-key"]
        answer = {"Version": f"{token} {key}", "Users session": f"{token}{'x' * 99}"}
        return web.json_response({**BODY, **answer})

    site.answers["/api/v2/status"] = status
    target = target_of(engine, login(f"{CANARY}-password"))
    engine.password = f"{CANARY}-password"
    poll = await poller.poll(target)
    lines = lines_of(target, take_snapshot(target, poll, PollCounts(polls=1)))
    assert isinstance(poll.outcome, Extraction)
    assert "<secret>" in lines
    assert "<secret>" in poll.outcome.faults[0].message
    text = f"{lines}{poll!r}{caplog.text}{target!r}{build(target)!r}"
    assert CANARY not in text
    assert CANARY not in repr(vars(poller.connections.login(target)))


class Crashing(Connections):
    """An unexpected exception with a token in its message."""

    def client_of(self, target: Target) -> PooledClient:
        login = self.login(target)
        assert login is not None
        if login.obtained_secrets:
            raise RuntimeError(f"no way with {login.obtained_secrets}")
        return super().client_of(target)


async def test_an_unexpected_exception_shows_no_token(
    engine: Engine, hand: Hand, caplog: pytest.LogCaptureFixture
) -> None:
    poller = Poller(hand)
    poller.connections = Crashing(hand.clock)
    target = target_of(engine)
    assert result(await poller.poll(target)) == OK
    outcome = (await poller.poll(target)).outcome
    await poller.connections.close()

    assert isinstance(outcome, PollError)
    assert outcome.reason is Reason.INTERNAL
    facts = [str(record.__dict__.get("facts")) for record in caplog.records]
    assert "no way with (" in facts[0]
    assert CANARY not in "".join(facts)


async def test_a_crashed_login_is_not_repeated_at_each_poll(
    engine: Engine,
    poller: Poller,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    calls = 0

    async def log_in(_self: object, _session: object) -> None:
        nonlocal calls
        calls += 1
        await asyncio.sleep(0)
        raise RuntimeError(f"{CANARY}-password")

    monkeypatch.setattr("exporter.http.declared_login.DeclaredMethod.log_in", log_in)
    target = target_of(engine, login(f"{CANARY}-password"))
    for poll in (*await poller.together(target, 3), await poller.poll(target)):
        assert result(poll).startswith("internal: ")

    assert calls == 1
    assert CANARY not in "".join(str(record.__dict__.get("facts")) for record in caplog.records)


async def test_a_crashed_login_is_a_failed_login(
    engine: Engine,
    poller: Poller,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def log_in(_self: object, _session: object) -> None:
        raise RuntimeError(f"no way with {CANARY}-password")

    monkeypatch.setattr("exporter.http.declared_login.DeclaredMethod.log_in", log_in)
    first = result(await poller.poll(target_of(engine, login(f"{CANARY}-password"))))

    assert first.startswith("internal: login: a fault of the exporter, see its log; ")
    assert "login crashed" in caplog.text
    assert poller.failures == {"c": 1}
    assert f"{CANARY}-password" not in str([vars(record) for record in caplog.records])
