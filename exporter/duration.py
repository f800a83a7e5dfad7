"""Durations in Prometheus' format, such as 1m30s, to seconds and back."""

import re

_DURATION = re.compile(
    "".join(rf"(?:(\d{{1,9}}){unit})?" for unit in ("w", "d", "h", "m", "s", "ms")), re.ASCII
)
_SECONDS = (604800.0, 86400.0, 3600.0, 60.0, 1.0, 0.001)

NO_DURATION = "is not a duration such as 15s, 1m30s or 500ms"


def read_duration(text: str) -> float:
    """Read a duration such as 1m30s as seconds.

    Raises:
        ValueError: The text is no duration. The message omits it, as it may be a secret.
    """
    match = _DURATION.fullmatch(text)
    if not match or not text:
        raise ValueError(NO_DURATION)
    parts = zip(match.groups(), _SECONDS, strict=True)
    return sum(int(part) * seconds for part, seconds in parts if part)


def duration_text(seconds: float) -> str:
    """Return seconds as a duration of the configuration file."""
    if seconds != int(seconds):
        return f"{round(seconds * 1000)}ms"
    return f"{int(seconds)}s"
