"""Fetches the target list of an http_sd endpoint.

As for Prometheus, the endpoint must answer with status 200, Content-Type application/json and the
full list. The client's TLS, proxy, credentials and query parameters are used; redirects are not
followed.
"""

import asyncio
import re
from dataclasses import replace
from functools import partial
from urllib.parse import urlsplit

from exporter.clock import Clock
from exporter.errors import ConfigError, ListError, PollError, Reason
from exporter.http.client import PooledClient
from exporter.http.message import HttpRequest, credentials, make_request, normalized_url, with_query
from exporter.http.pool import ConnectionPool
from exporter.pipeline.render import value_text
from exporter.redact import redact_secrets
from exporter.runtime.daemon import in_daemon_thread
from exporter.runtime.file_lists import summary
from exporter.runtime.target_builder import BuiltTargets, ListResult, Owns, TargetBuilder
from exporter.runtime.target_groups import MAX_FAULT, MAX_LIST_SIZE, ListText
from exporter.settings import HttpSd, Template
from exporter.text import printable

_JSON = re.compile(r'application/json(?:;\s*charset=(?:"utf-8"|utf-8))?', re.IGNORECASE)
_OK = 200
# Readiness waits for the first answer, but a list may be refreshed only once a day.
_MAX_WAIT = 60.0


class HttpLists:
    """The list of one http_sd."""

    def __init__(self, source: HttpSd, template: Template, owns: Owns, clock: Clock) -> None:
        self.pause = source.refresh_interval
        """Seconds between two refreshes."""
        self._source = source
        self._builder = TargetBuilder(template, owns)
        self._pool = ConnectionPool(clock)
        self._name = urlsplit(source.url).netloc
        self._last: bytes | None = None

    async def refresh(self) -> ListResult:
        """Fetch the list."""
        wait = min(self._source.refresh_interval, _MAX_WAIT)
        try:
            async with asyncio.timeout(wait):
                body = await self._fetch()
        except TimeoutError:
            return self._refused(f"no complete answer within {wait:g}s")
        except PollError as error:
            return self._refused(error.detail)
        if body == self._last:
            return ListResult()
        try:
            built = await in_daemon_thread(partial(self._read, body))
        except ConfigError as error:
            return self._refused(summary(error.faults))
        self._last = body
        return ListResult(built=built)

    def _read(self, body: bytes) -> BuiltTargets:
        text = ListText(body, "the answer")
        try:
            return self._builder.build(text.groups())
        except ListError as error:
            raise ConfigError(text.format_faults(error)) from None

    async def _fetch(self) -> bytes:
        (request,) = with_query((_request(self._source),), self._source.client)
        secrets = credentials(self._source.client)
        try:
            # A new client each time: requests are rare, and the TLS files may have changed.
            answer = await PooledClient(self._source.client, self._pool).fetch(request, secrets)
        finally:
            self._pool.close()
        if answer.status != _OK:
            raise PollError(Reason.BAD_HTTP, f"HTTP {answer.status} in place of 200")
        if not _JSON.fullmatch(answer.content_type):
            detail = f'the Content-Type is "{answer.content_type}", not application/json'
            raise PollError(Reason.BAD_CONTENT_TYPE, detail)
        return answer.body

    def _refused(self, why: str) -> ListResult:
        # It may quote what the endpoint sent.
        fault = printable(redact_secrets(why, self._source.client))[:MAX_FAULT]
        return ListResult(faults={self._name: fault}, failures=1)


def _request(source: HttpSd) -> HttpRequest:
    parts = urlsplit(source.url)
    base = normalized_url(parts._replace(path=parts.path or "/", query="").geturl())
    headers = {
        "Accept": "application/json",
        "X-Prometheus-Refresh-Interval-Seconds": value_text(source.refresh_interval),
    }
    query = f"?{parts.query}" if parts.query else ""
    request = make_request(source.client, "GET", f"{base}{query}", headers)
    return replace(request, max_body=MAX_LIST_SIZE)
