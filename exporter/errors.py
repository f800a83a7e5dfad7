"""The error tree, and the fixed set of reasons for which a poll fails; imports nothing of ours."""

import difflib
import re
from collections.abc import Iterable
from enum import StrEnum


class Reason(StrEnum):
    """Why a poll failed: the values of the label `reason`, and nothing else ever is one."""

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
        """Say in one sentence what the reason means to an operator."""
        return _MEANINGS[self]


_MEANINGS = {
    Reason.TIMEOUT: "The whole poll did not finish within the target's `timeout`.",
    Reason.CONNECT: "No connection, an unknown host name, or a connection that broke off.",
    Reason.TLS: "The TLS handshake failed: an expired, foreign or untrusted certificate.",
    Reason.BAD_HTTP: "What came back is not HTTP, or is damaged in its framing or compression.",
    Reason.REDIRECT: "An answer 3xx that is not followed: correct the URL, or see `follow_redirects`.",
    Reason.HTTP_401: "The credentials are missing or were rejected.",
    Reason.HTTP_403: "The credentials are known but may not read the status.",
    Reason.HTTP_404: "There is no such endpoint, or no such server, at this URL.",
    Reason.HTTP_429: "The vendor limits the rate of requests.",
    Reason.HTTP_503: "The service is unavailable, or switches its mode.",
    Reason.HTTP_4XX: "Any other answer 4xx.",
    Reason.HTTP_5XX: "Any other answer 5xx, or one below 200.",
    Reason.TOO_LARGE: "The answer is larger than 1 MiB once decompressed.",
    Reason.BAD_CONTENT_TYPE: "The answer is in no format the system has, often a login page.",
    Reason.BAD_JSON: "The answer is not valid JSON, or has too many levels, parts or values.",
    Reason.BAD_XML: "The answer is not well-formed XML, has a DTD, or too many levels, parts or values.",
    Reason.BAD_SHAPE: "The answer is well-formed but has none of the system's fields.",
    Reason.VENDOR_ERROR: "The vendor reported an error of its own in an answer 200.",
    Reason.CREDENTIALS: "A secret of the client could not be read or used.",
    Reason.STALE: "The last poll is older than `max_age`: polls do not run as they should.",
    Reason.INTERNAL: "A bug in this exporter; its log has the traceback.",
}


_BARE_STATUS = re.compile("HTTP [0-9]+")


class ExporterError(Exception):
    """Anything this program reports to a person in one line."""


class ConfigError(ExporterError):
    """The operator's file: every fault in it, each as `file:line:column: key: what`."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class ListError(ExporterError):
    """A list of targets that is refused as a whole: every fault, with the place of its part."""

    def __init__(self, faults: tuple[tuple[tuple[str | int, ...], str], ...]) -> None:
        super().__init__("; ".join(message for _, message in faults))
        self.faults = faults


class SpecError(ExporterError):
    """A declaration of a system that cannot work; stops start-up."""


CRASHED = "a fault of the exporter, see its log"
"""What users read of an unexpected exception, which is logged."""


class PollError(ExporterError):
    """One poll that failed: the reason for the label, and a detail for people.

    `retry_after` is how many seconds the vendor asked to be left alone.
    """

    request = ""
    """The method and URL of the request that failed, without secrets; empty if there was none."""
    hint = ""
    """What to correct, where that is known."""

    def __init__(self, reason: Reason, detail: str, retry_after: float = 0.0) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
        self.retry_after = retry_after

    def with_detail(self, detail: str) -> "PollError":
        """Return the same failure with another detail."""
        error = PollError(self.reason, detail, self.retry_after)
        error.request, error.hint = self.request, self.hint
        return error

    @property
    def explained(self) -> str:
        """Say in one line what was requested, what happened, what it means, what to correct."""
        text = ": ".join(filter(None, (self.request, self.detail)))
        # All that a detail such as "HTTP 404" says is in the reason already.
        if _BARE_STATUS.fullmatch(self.detail):
            meaning = self.reason.meaning.rstrip(".")
            text = f"{text}: {meaning[0].lower()}{meaning[1:]}"
        return "; ".join(filter(None, (text, self.hint)))


class WriteEffect(StrEnum):
    """Whether a server is as it was before a write, as far as is known."""

    NOT = "has not changed"
    MAYBE = "may have changed"
    DONE = "has changed"


class ActionError(ExporterError):
    """A write that was refused, was not confirmed in time, or whose answer is not known.

    `lost` says that no answer came to what was sent, so that only a reading can tell.
    """

    def __init__(self, text: str, changed: WriteEffect, *, lost: bool = False) -> None:
        super().__init__(f"{text}; the server {changed}")
        self.may_have_changed = changed is not WriteEffect.NOT
        self.lost = lost


class ProbeDeadlineError(ExporterError):
    """A poll that had not ended, or not even begun, when whoever waits for it had to answer."""

    def __init__(self, text: str, *, began: bool) -> None:
        super().__init__(text)
        self.began = began


class QueryError(ExporterError):
    """A request whose query is wrong, in one line."""


class FieldError(ExporterError):
    """One value that stands in the answer and cannot be read."""


# A line that lists more is no help.
_MOST_NAMES = 12
# A key of a list may be a megabyte.
_MAX_COMPARED = 100


def suggestion(word: str, known: Iterable[str]) -> str:
    """Say what the word may have been meant to be, or what there is."""
    names = sorted(known)
    close = difflib.get_close_matches(word[:_MAX_COMPARED], names, n=1)
    if close:
        return f'did you mean "{close[0]}"?'
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return f"known: {', '.join(names[:_MOST_NAMES]) or 'none'}{more}"
