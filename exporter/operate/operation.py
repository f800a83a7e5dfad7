"""An order is carried out: a look before, one write, and looks after it until the state shows."""

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
from exporter.redact import scrub
from exporter.runtime.poll_run import PollRun, poll

# Servers that wait for what is under way may answer only then; nobody should wait longer.
WRITE_SECONDS = 30.0

_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 5.0

_FLAGS = {0.0: "false", 1.0: "true"}


@dataclass(frozen=True, kw_only=True)
class ActionState:
    """What a target shows of an action: its state, its options, and how much is under way."""

    state: str
    options: Mapping[str, str] = field(default_factory=dict)
    undrained: float | None = None


Seen = ActionState | PollError
"""What came of a look."""


class Operation:
    """One order at one target; `may_have_changed` holds at any time, whatever interrupts it."""

    def __init__(self, order: Order, connections: Connections, clock: Clock) -> None:
        """Make one; `connections` are those that the target is read by."""
        self.order = order
        self._connections = connections
        self._clock = clock
        self._run = PollRun(order.target, _requests(order), connections, clock)
        self._write: SingleWrite | None = None
        self._is_refused = False

    @property
    def is_sent(self) -> bool:
        """Whether the request began to be written."""
        return self._write is not None and self._write.is_written

    @property
    def may_have_changed(self) -> bool:
        """Whether something was sent that the server did not refuse."""
        return self.is_sent and not self._is_refused

    async def look(self) -> Seen:
        """Read what the target shows now, with the credentials that it is polled with."""
        done = await poll(self._run)
        if isinstance(done.outcome, PollError):
            return done.outcome.with_detail(self._scrubbed(done.outcome.detail))
        return _shown(self.order, done.outcome)

    def is_there(self, seen: Seen) -> bool:
        """Say whether the target shows all that was ordered, each given option included."""
        return (
            isinstance(seen, ActionState)
            and seen.state == self.order.value
            and all(seen.options.get(name) == value for name, value in self.order.options.items())
        )

    def is_confirmed(self, seen: Seen) -> bool:
        """Say the same of what the server heeds: an option that it does not may show anything."""
        if not isinstance(seen, ActionState) or seen.state != self.order.value:
            return False
        heeded = {
            name
            for name, option in self.order.action.options.items()
            if not option.only_for or self.order.value in option.only_for
        }
        return all(
            seen.options.get(name) == value
            for name, value in self.order.options.items()
            if name in heeded
        )

    def is_drained(self, seen: Seen) -> bool:
        """Say whether nothing is under way any more."""
        return isinstance(seen, ActionState) and (self.order.drain is None or seen.undrained == 0.0)

    async def send(self, seconds: float = WRITE_SECONDS) -> None:
        """Send the order, once, and wait so many seconds for its answer.

        Raises:
            ActionError: It was refused, or no answer tells what became of it.
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
        self, settle: float, tell: Callable[[Seen], None], *, drained: bool
    ) -> ActionState:
        """Look again and again until the state shows, with `drained` until nothing runs either.

        Raises:
            ActionError: So many seconds have passed.
        """
        limit = self.order.target.client.rate_limit
        slowest = 1 / limit.requests_per_second if limit else 0.0
        until = self._clock.monotonic() + settle
        pause = _FIRST_PAUSE
        while True:
            seen = await self.look()
            tell(seen)
            confirmed = self.is_confirmed(seen)
            if (
                isinstance(seen, ActionState)
                and confirmed
                and (not drained or self.is_drained(seen))
            ):
                return seen
            left = until - self._clock.monotonic()
            if left <= 0:
                raise self._unconfirmed(seen, settle)
            await asyncio.sleep(min(max(pause, slowest), left))
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _unconfirmed(self, seen: Seen, settle: float) -> ActionError:
        if self.is_confirmed(seen):
            what = self.order.drain.help if self.order.drain else "something under way"
            changed = WriteEffect.DONE if self.is_sent else WriteEffect.NOT
            return ActionError(f"after {settle:g}s there are still {what}", changed)
        text = f"{self.order.wanted} does not show after {settle:g}s, but {told(seen)}"
        return ActionError(text, WriteEffect.MAYBE)

    def _scrubbed(self, text: str) -> str:
        # A server may repeat in an answer to a reading what it was sent with the write.
        login = self._login()
        return scrub(text, self.order.client, login.obtained if login else ())

    def _login(self) -> SharedLogin | None:
        return self._connections.login(replace(self.order.target, client=self.order.client))

    async def _log_in(self) -> Headers:
        target, login = self.order.target, self._login()
        if login is None:
            return ()

        async def held(headers: Headers) -> Headers:
            return headers

        try:
            async with asyncio.timeout(target.timeout):
                return await login.through(target.name, target.timeout, held)
        except TimeoutError:
            text = f"login: no whole answer within {target.timeout:g}s"
            raise PollError(Reason.TIMEOUT, text) from None


def told(seen: Seen) -> str:
    """Say what came of a look, in a few words."""
    if isinstance(seen, PollError):
        return f"unknown ({seen.detail})"
    options = [f"{name}={value}" for name, value in seen.options.items()]
    return " ".join([seen.state or "unknown", *options])


def _requests(order: Order) -> tuple[EndpointRequest, ...]:
    """Return the requests that show the state; the others of a poll would only take time."""
    action = order.action
    wanted = {action.confirmed_by, *(one.confirmed_by for one in action.options.values())}
    if action.drain:
        wanted.add(action.drain.until_zero.metric)
    return tuple(
        request
        for request in build(order.target)
        if any(family.name in wanted for family in request.endpoint.families())
    )


def _shown(order: Order, reading: Extraction) -> ActionState:
    action = order.action
    label = next(
        one.label
        for endpoint in order.target.system.endpoints
        for one in parts_of(endpoint.fields)
        if isinstance(one, States) and one.metric == action.confirmed_by
    )
    states = [
        dict(one.labels)[label]
        for one in reading.samples
        if one.family == action.confirmed_by and one.value == 1.0
    ]
    flags = {one.family: _FLAGS.get(one.value, "") for one in reading.samples}
    drain = action.drain
    undrained = [
        one.value
        for one in reading.samples
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
