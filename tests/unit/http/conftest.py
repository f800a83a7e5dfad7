"""A connection pool, a client of it, and a vendor with a login."""

from collections.abc import AsyncIterator

import pytest

from exporter.http.client import PooledClient
from exporter.http.pool import ConnectionPool
from exporter.settings import Client
from support.polling import FIXED
from support.scripted_site import Site
from support.webitel_engine import Engine


@pytest.fixture
async def pool() -> AsyncIterator[ConnectionPool]:
    one = ConnectionPool(FIXED)
    yield one
    one.close()
    assert len(one.multiplexer) == 0


@pytest.fixture
def client(pool: ConnectionPool) -> PooledClient:
    return PooledClient(Client(name=""), pool)


@pytest.fixture
def engine(site: Site) -> Engine:
    return Engine(site)
