"""Follows redirects within the origin of a target, to which its credentials are limited."""

from urllib.parse import urljoin, urlsplit

from exporter.errors import PollError, Reason
from exporter.http.answer import Answer, StatusError
from exporter.http.client import Cancellable, HttpClient
from exporter.http.deadlines import Deadline
from exporter.http.http_connection import OnDone
from exporter.http.message import Headers, HttpRequest, origin_of, quoted_path

MAX_REDIRECTS = 5
# URLs are cached. RFC 9110 section 4.1 recommends to support 8,000 octets.
MAX_LOCATION = 8000
_FOLLOWED = frozenset({301, 302, 303, 307, 308})


class RedirectingClient(HttpClient):
    """Sends requests through another client, and follows the redirects of GET requests."""

    def __init__(self, client: HttpClient) -> None:
        self._client = client

    def start(
        self, request: HttpRequest, headers: Headers, deadline: Deadline | None, on_done: OnDone
    ) -> Cancellable:
        """See HttpClient."""
        chain = _Chain(self._client, headers, deadline, on_done)
        chain.send(request)
        return chain


class _Chain:
    """A request and the redirects of it."""

    def __init__(
        self, client: HttpClient, headers: Headers, deadline: Deadline | None, on_done: OnDone
    ) -> None:
        self._client = client
        self._headers = headers
        self._deadline = deadline
        self._on_done = on_done
        self._remaining = MAX_REDIRECTS
        self._exchange: Cancellable | None = None

    def send(self, request: HttpRequest) -> None:
        def done(outcome: Answer | PollError) -> None:
            if (
                isinstance(outcome, StatusError)
                and outcome.status in _FOLLOWED
                and request.method == "GET"
            ):
                self._follow(request, outcome)
            else:
                self._on_done(outcome)

        self._exchange = self._client.start(request, self._headers, self._deadline, done)

    def cancel(self) -> None:
        if self._exchange is not None:
            self._exchange.cancel()

    def _follow(self, request: HttpRequest, error: StatusError) -> None:
        if not self._remaining:
            text = f"more than {MAX_REDIRECTS} redirects one after another"
            self._on_done(PollError(Reason.REDIRECT, text))
            return
        self._remaining -= 1
        try:
            following = _redirected(request, error)
        except PollError as failure:
            self._on_done(failure)
        else:
            self.send(following)


def _redirected(request: HttpRequest, error: StatusError) -> HttpRequest:
    """Return the request for the Location of an answer, which no message may show.

    Raises:
        PollError: It is of another origin, or not an http or https URL.
    """
    if not error.location:
        raise PollError(Reason.REDIRECT, f"HTTP {error.status} without a Location")
    if len(error.location) > MAX_LOCATION:
        text = f"HTTP {error.status} with a Location of more than {MAX_LOCATION} characters"
        raise PollError(Reason.REDIRECT, text)
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
    base = urlsplit(request.url)
    # Drops user, password and fragment.
    path, query = quoted_path(parts.path) or "/", quoted_path(parts.query, also="?")
    return request.at(f"{base.scheme}://{base.netloc}{path}", f"?{query}" if query else "")
