"""Send one action to a server, as `set` does."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest

from exporter.clock import Clock
from exporter.config import load_file
from exporter.errors import ActionError
from exporter.http.connections import Connections
from exporter.operate.operation import Operation
from exporter.operate.order import make_order
from exporter.settings import Target
from exporter.systems import SYSTEMS
from support.simulator_stage import Stage

NOT, MAYBE = "the server has not changed", "the server may have changed"


@asynccontextmanager
async def operating(
    target: Target, value: str = "", options: Mapping[str, str] | None = None
) -> AsyncIterator[Operation]:
    """Make an operation for the system's only action."""
    ((name, action),) = target.system.actions.items()
    connections = Connections(Clock())
    order = make_order(target, name, value or action.values[-1], options or {})
    try:
        yield Operation(order, connections, Clock())
    finally:
        await connections.close()


async def failure(target: Target, seconds: float = 5.0) -> ActionError:
    """Send an order that fails, and return the error."""
    async with operating(target) as operation:
        with pytest.raises(ActionError) as caught:
            await operation.send(seconds)
        assert operation.may_have_changed is caught.value.may_have_changed
        return caught.value


def target_of(stage: Stage, name: str) -> Target:
    return next(one for one in load_file(stage.config, SYSTEMS).targets if one.name == name)
