"""Requests and a silent server for tests of the connection pool."""

import asyncio
from dataclasses import replace

from exporter.errors import PollError
from exporter.http.answer import Answer
from exporter.http.message import HttpRequest, make_request
from exporter.settings import Client

Outcome = Answer | PollError


def request_to(url: str, owner: str = "t") -> HttpRequest:
    return replace(make_request(Client(name=""), "GET", f"{url}/", {}), owner=owner)


async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read()
