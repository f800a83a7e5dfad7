"""Carries out an order: reads the state, sends one write, and reads again until the state shows."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from exporter.clock import Clock
from exporter.declare.endpoint import parts_of
from exporter.declare.extraction import Extraction
from exporter.declare.states import States
from exporter.errors import ActionError, PollError, Reason, WriteEffect
from exporter.http.connections import Connections
from exporter.http.message import Headers
from exporter.http.shared_login import SharedLogin
from exporter.operate.order import Order
from exporter.operate.single_write import SingleWrite
from exporter.pipeline.request import EndpointRequest, build
from exporter.redact import redact_secrets
from exporter.runtime.poll_run import PollRun, poll

# A server may answer only when the work that is under way has ended.
WRITE_SECONDS = 30.0

_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 5.0

_FLAGS = {0.0: "false", 1.0: "true"}


@dataclass(frozen=True, kw_only=True)
class ActionState:
    """The state that a target shows, its options, and how much is still under way."""

    state: str
    options: Mapping[str, str] = field(default_factory=dict)
    undrained: float | None = None


Seen = ActionState | PollError
"""The result of `Operation.look`."""


class Operation:
    """One order for one target; `may_have_changed` is right after any interruption."""

    def __init__(self, order: Order, connections: Connections, clock: Clock) -> None:
        """Create it; `connections` send its polls and the write."""
        self.order = order
        self._connections = connections
        self._clock = clock
        self._run = PollRun(order.target, _requests(order), connections, clock)
        self._write: SingleWrite | None = None
        self._is_refused = False

    @property
    def is_sent(self) -> bool:
        """Whether a part of the request may have been sent."""
        return self._write is not None and self._write.is_written

    @property
    def may_have_changed(self) -> bool:
        """Whether a request was sent and not refused."""
        return self.is_sent and not self._is_refused

    async def look(self) -> Seen:
        """Poll the target, with the credentials of its polls."""
        done = await poll(self._run)
        if isinstance(done.outcome, PollError):
            return done.outcome.with_detail(self._redact(done.outcome.detail))
        return _action_state(self.order, done.outcome)

    def is_there(self, seen: Seen) -> bool:
        """Return whether the target shows the value and each given option of the order."""
        return (
            isinstance(seen, ActionState)
            and seen.state == self.order.value
            and all(seen.options.get(name) == value for name, value in self.order.options.items())
        )

    def is_confirmed(self, seen: Seen) -> bool:
        """Return the same without the options that the server ignores for this value."""
        if not isinstance(seen, ActionState) or seen.state != self.order.value:
            return False
        used_options = {
            name
            for name, option in self.order.action.options.items()
            if not option.only_for or self.order.value in option.only_for
        }
        return all(
            seen.options.get(name) == value
            for name, value in self.order.options.items()
            if name in used_options
        )

    def is_drained(self, seen: Seen) -> bool:
        """Return whether nothing is under way any more."""
        return isinstance(seen, ActionState) and (self.order.drain is None or seen.undrained == 0.0)

    async def send(self, seconds: float = WRITE_SECONDS) -> None:
        """Send the order once, and wait at most that many seconds for the answer.

        Raises:
            ActionError: It was refused, or there is no answer that shows its effect.
        """
        try:
            obtained = await self._log_in()
        except PollError as error:
            raise ActionError(error.detail, WriteEffect.NOT) from None
        self._write = SingleWrite(self.order, self._connections.pool)
        try:
            await self._write.send(obtained, seconds)
        except ActionError as error:
            self._is_refused = not error.may_have_changed
            raise

    async def watch(
        self, settle: float, report: Callable[[Seen], None], *, drained: bool
    ) -> ActionState:
        """Poll until the state shows, and with `drained` until nothing is under way.

        Each result is passed to `report`.

        Raises:
            ActionError: This takes longer than `settle` seconds.
        """
        limit = self.order.target.client.rate_limit
        slowest = 1 / limit.requests_per_second if limit else 0.0
        until = self._clock.monotonic() + settle
        pause = _FIRST_PAUSE
        while True:
            seen = await self.look()
            report(seen)
            confirmed = self.is_confirmed(seen)
            if (
                isinstance(seen, ActionState)
                and confirmed
                and (not drained or self.is_drained(seen))
            ):
                return seen
            left = until - self._clock.monotonic()
            if left <= 0:
                raise self._timeout_error(seen, settle)
            await asyncio.sleep(min(max(pause, slowest), left))
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _timeout_error(self, seen: Seen, settle: float) -> ActionError:
        if self.is_confirmed(seen):
            what = self.order.drain.help if self.order.drain else "something under way"
            changed = WriteEffect.DONE if self.is_sent else WriteEffect.NOT
            return ActionError(f"after {settle:g}s there are still {what}", changed)
        text = f"{self.order.summary} does not show after {settle:g}s, but {state_text(seen)}"
        return ActionError(text, WriteEffect.MAYBE)

    def _redact(self, text: str) -> str:
        # The answer to a poll may contain what was sent with the write.
        login = self._login()
        return redact_secrets(text, self.order.client, login.obtained_secrets if login else ())

    def _login(self) -> SharedLogin | None:
        return self._connections.login(replace(self.order.target, client=self.order.client))

    async def _log_in(self) -> Headers:
        target, login = self.order.target, self._login()
        if login is None:
            return ()

        async def same(headers: Headers) -> Headers:
            return headers

        try:
            async with asyncio.timeout(target.timeout):
                return await login.through(target.name, target.timeout, same)
        except TimeoutError:
            text = f"login: no complete answer within {target.timeout:g}s"
            raise PollError(Reason.TIMEOUT, text) from None


def state_text(seen: Seen) -> str:
    """Return the state and its options, or why they are unknown."""
    if isinstance(seen, PollError):
        return f"unknown ({seen.detail})"
    options = [f"{name}={value}" for name, value in seen.options.items()]
    return " ".join([seen.state or "unknown", *options])


def _requests(order: Order) -> tuple[EndpointRequest, ...]:
    """Return the requests whose answers show the state, to save the time of the others."""
    action = order.action
    wanted = {action.confirmed_by, *(one.confirmed_by for one in action.options.values())}
    if action.drain:
        wanted.add(action.drain.until_zero.metric)
    return tuple(
        request
        for request in build(order.target)
        if any(family.name in wanted for family in request.endpoint.families())
    )


def _action_state(order: Order, extraction: Extraction) -> ActionState:
    action = order.action
    label = next(
        one.label
        for endpoint in order.target.system.endpoints
        for one in parts_of(endpoint.fields)
        if isinstance(one, States) and one.metric == action.confirmed_by
    )
    states = [
        dict(one.labels)[label]
        for one in extraction.samples
        if one.family == action.confirmed_by and one.value == 1.0
    ]
    flags = {one.family: _FLAGS.get(one.value, "") for one in extraction.samples}
    drain = action.drain
    undrained = [
        one.value
        for one in extraction.samples
        if drain
        and one.family == drain.until_zero.metric
        and {*drain.until_zero.labels.items()} <= {*one.labels}
    ]
    return ActionState(
        state=states[0] if states else "",
        options={
            name: flags[option.confirmed_by]
            for name, option in action.options.items()
            if option.confirmed_by in flags
        },
        undrained=undrained[0] if undrained else None,
    )
