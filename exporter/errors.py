"""The exceptions of this program, and the fixed set of reasons for which a poll fails."""

import difflib
import re
from collections.abc import Iterable
from enum import StrEnum
from http import HTTPStatus


class Reason(StrEnum):
    """Why a poll failed: all values of the label `reason`."""

    TIMEOUT = "timeout"
    CONNECT = "connect"
    TLS = "tls"
    BAD_HTTP = "bad_http"
    REDIRECT = "redirect"
    HTTP_401 = "http_401"
    HTTP_403 = "http_403"
    HTTP_404 = "http_404"
    HTTP_429 = "http_429"
    HTTP_503 = "http_503"
    HTTP_4XX = "http_4xx"
    HTTP_5XX = "http_5xx"
    TOO_LARGE = "too_large"
    BAD_CONTENT_TYPE = "bad_content_type"
    BAD_JSON = "bad_json"
    BAD_XML = "bad_xml"
    BAD_SHAPE = "bad_shape"
    VENDOR_ERROR = "vendor_error"
    CREDENTIALS = "credentials"
    STALE = "stale"
    INTERNAL = "internal"

    @property
    def meaning(self) -> str:
        """What the reason means to an operator, in one sentence."""
        return _MEANINGS[self]


_MEANINGS = {
    Reason.TIMEOUT: "The whole poll did not finish within the target's timeout.",
    Reason.CONNECT: "No connection, an unknown host name, or a connection that was lost.",
    Reason.TLS: "The TLS handshake failed: an expired, foreign or untrusted certificate.",
    Reason.BAD_HTTP: "The answer is not HTTP, or its framing or compression is damaged.",
    Reason.REDIRECT: "A 3xx answer that is not followed: correct the URL, or see follow_redirects.",
    Reason.HTTP_401: "The credentials are missing or were rejected.",
    Reason.HTTP_403: "The server denies access: credentials are missing, or lack permission.",
    Reason.HTTP_404: "There is no such endpoint, or no such server, at this URL.",
    Reason.HTTP_429: "The vendor limits the rate of requests.",
    Reason.HTTP_503: "The service is unavailable, or is switching its mode.",
    Reason.HTTP_4XX: "Any other 4xx answer.",
    Reason.HTTP_5XX: "Any other 5xx answer, or a status below 200.",
    Reason.TOO_LARGE: "The answer is larger than 1 MiB once decompressed.",
    Reason.BAD_CONTENT_TYPE: "The answer has a format that the system does not have; often it is a login page.",
    Reason.BAD_JSON: "The answer is not valid JSON, or has too many levels, parts or values.",
    Reason.BAD_XML: "The answer is not well-formed XML, has a DTD, or too many levels, parts or values.",
    Reason.BAD_SHAPE: "The answer is well-formed but has none of the system's fields.",
    Reason.VENDOR_ERROR: "The vendor reported an error in a 200 answer.",
    Reason.CREDENTIALS: "A secret of the client could not be read or used.",
    Reason.STALE: "The last poll is older than max_age: polls are overdue.",
    Reason.INTERNAL: "A bug in this exporter; its log has the traceback.",
}


_BARE_STATUS = re.compile("HTTP ([0-9]+)")


class ExporterError(Exception):
    """Base class: an error that is reported in one line."""


class ConfigError(ExporterError):
    """An invalid configuration: all its faults, each as `file:line:column: key: what`."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class ListError(ExporterError):
    """A list of targets that is rejected as a whole: all its faults, each with its location."""

    def __init__(self, faults: tuple[tuple[tuple[str | int, ...], str], ...]) -> None:
        super().__init__("; ".join(message for _, message in faults))
        self.faults = faults


UNEXPECTED = "a fault of the exporter, see its log"
"""What users read about an unexpected exception; the log has its traceback."""


class PollError(ExporterError):
    """A failed poll: the reason for the label, and a detail for people.

    `retry_after` is the number of seconds that the vendor asks clients to wait.
    """

    request = ""
    """The method and URL of the request that failed, without secrets; empty if there was none."""
    hint = ""
    """What to correct, if known."""

    def __init__(self, reason: Reason, detail: str, retry_after: float = 0.0) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
        self.retry_after = retry_after

    def with_detail(self, detail: str) -> "PollError":
        """Return a copy with another detail."""
        error = PollError(self.reason, detail, self.retry_after)
        error.request, error.hint = self.request, self.hint
        return error

    @property
    def explanation(self) -> str:
        """One line: the request, what happened, what it means, and what to correct."""
        text = ": ".join(filter(None, (self.request, self.detail)))
        # A detail such as "HTTP 404" only repeats the reason.
        status = _BARE_STATUS.fullmatch(self.detail)
        if status:
            text = ": ".join(filter(None, (text, self._status_meaning(int(status[1])))))
        return "; ".join(filter(None, (text, self.hint)))

    def _status_meaning(self, status: int) -> str:
        """Return what a status means, within a line; empty if it is not known."""
        if self.reason in {Reason.HTTP_4XX, Reason.HTTP_5XX}:
            return next((one.phrase for one in HTTPStatus if one == status), "")
        meaning = self.reason.meaning.rstrip(".")
        return f"{meaning[0].lower()}{meaning[1:]}"


class WriteEffect(StrEnum):
    """Whether a write changed the server, as far as is known."""

    NOT = "has not changed"
    MAYBE = "may have changed"
    DONE = "has changed"


class ActionError(ExporterError):
    """A write that was rejected, was not confirmed in time, or got no answer.

    If `lost`, no answer was received: only the next poll can show the effect.
    """

    def __init__(self, text: str, changed: WriteEffect, *, lost: bool = False) -> None:
        super().__init__(f"{text}; the server {changed}")
        self.may_have_changed = changed is not WriteEffect.NOT
        self.lost = lost


class ProbeDeadlineError(ExporterError):
    """A poll that had not finished, or not `began`, at the deadline of a probe."""

    def __init__(self, text: str, *, began: bool) -> None:
        super().__init__(text)
        self.began = began


class QueryError(ExporterError):
    """An invalid query of a request."""


class FieldError(ExporterError):
    """A value of an answer that cannot be read."""


# A longer list would not help.
_MOST_NAMES = 12
# A key may have a megabyte.
_MAX_COMPARED = 100


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return a hint: the closest known word, or all known words."""
    names = sorted(known)
    close = difflib.get_close_matches(word[:_MAX_COMPARED], names, n=1)
    if close:
        return f'did you mean "{close[0]}"?'
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return f"known: {', '.join(names[:_MOST_NAMES]) or 'none'}{more}"
