"""Redirects within the origin of a target, to which its credentials are limited."""

from dataclasses import replace
from urllib.parse import urljoin, urlsplit

from exporter.errors import PollError, Reason
from exporter.http.answer import StatusError
from exporter.http.message import HttpRequest, origin_of, quoted_path

MAX_REDIRECTS = 5
# URLs are cached. RFC 9110 section 4.1 recommends to support 8,000 octets.
MAX_LOCATION = 8000
_FOLLOWED = frozenset({301, 302, 303, 307, 308})


def redirected(request: HttpRequest, error: StatusError) -> HttpRequest | None:
    """Return the request for the Location of an answer, which no message may show.

    None: the answer is not a redirect, or the request follows none.

    Raises:
        PollError: It is of another origin, or not an http or https URL; or too many precede it.
    """
    if request.redirects is None or error.status not in _FOLLOWED or request.method != "GET":
        return None
    if not request.redirects:
        text = f"more than {MAX_REDIRECTS} redirects one after another"
        raise PollError(Reason.REDIRECT, text)
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
    if origin != request.origin:
        raise PollError(
            Reason.REDIRECT, f"HTTP {error.status} leads to another origin and is not followed"
        )
    base = urlsplit(request.url)
    # Drops user, password and fragment.
    path, query = quoted_path(parts.path) or "/", quoted_path(parts.query, also="?")
    following = request.at(f"{base.scheme}://{base.netloc}{path}", f"?{query}" if query else "")
    return replace(following, redirects=request.redirects - 1)
