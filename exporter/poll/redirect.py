"""A fetcher goes in; one comes out that goes where a redirect leads, within the target's origin.

Credentials go along, and so never to another host, port or scheme.
"""

from urllib.parse import quote, urljoin, urlsplit

from exporter.errors import PollError, Reason
from exporter.poll.answer import Answer, StatusError
from exporter.poll.fetch import Fetcher
from exporter.poll.request import Headers, Request, origin_of

MOST_REDIRECTS = 5
_FOLLOWED = frozenset({301, 302, 303, 307, 308})


class Following:
    """Fetches by another, and follows."""

    def __init__(self, fetcher: Fetcher) -> None:
        self._fetcher = fetcher

    async def fetch(self, request: Request, credentials: Headers) -> Answer:
        """Send a GET, and another to each place it is sent on to.

        Raises:
            PollError: There was no answer 2xx, or one that is not to be followed.
        """
        for _ in range(MOST_REDIRECTS + 1):
            try:
                return await self._fetcher.fetch(request, credentials)
            except StatusError as error:
                if error.status not in _FOLLOWED or request.method != "GET":
                    raise
                request = _next(request, error)
        raise PollError(Reason.REDIRECT, f"more than {MOST_REDIRECTS} redirects one after another")

    async def close(self) -> None:
        """Do nothing: the connections are the other's."""


def _next(request: Request, error: StatusError) -> Request:
    """Return the request for the place that the answer names; its name is never shown."""
    if not error.location:
        raise PollError(Reason.REDIRECT, f"HTTP {error.status} without a Location")
    try:
        url = urljoin(request.url + request.query, error.location)
        parts = urlsplit(url)
        origin = origin_of(url)
    except ValueError:
        raise PollError(
            Reason.REDIRECT, f"HTTP {error.status} leads to what is no http or https URL"
        ) from None
    if origin != origin_of(request.url):
        raise PollError(
            Reason.REDIRECT, f"HTTP {error.status} leads to another origin and is not followed"
        )
    own = urlsplit(request.url)
    # What is encoded stays so; a user and password in it are not used, nor is the fragment sent.
    path = quote(parts.path, safe="/%:@!$&'()*+,;=~", errors="surrogateescape") or "/"
    query = quote(parts.query, safe="/?%:@!$&'()*+,;=~", errors="surrogateescape")
    return request.at(f"{own.scheme}://{own.netloc}{path}", f"?{query}" if query else "")
