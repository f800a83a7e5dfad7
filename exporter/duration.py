"""A duration as Prometheus writes it becomes seconds, and seconds become a duration."""

import re

_DURATION = re.compile(
    "".join(rf"(?:(\d{{1,9}}){unit})?" for unit in ("w", "d", "h", "m", "s", "ms")), re.ASCII
)
_SECONDS = (604800.0, 86400.0, 3600.0, 60.0, 1.0, 0.001)

NO_DURATION = "is not a duration such as 15s, 1m30s or 500ms"


def read_duration(text: str) -> float:
    """Read a duration such as 1m30s as seconds.

    Raises:
        ValueError: It is none; the text is left to whoever knows whether it may be shown.
    """
    match = _DURATION.fullmatch(text)
    if not match or not text:
        raise ValueError(NO_DURATION)
    parts = zip(match.groups(), _SECONDS, strict=True)
    return sum(int(part) * seconds for part, seconds in parts if part)


def duration_text(seconds: float) -> str:
    """Write seconds as a duration of the configuration file."""
    if seconds != int(seconds):
        return f"{round(seconds * 1000)}ms"
    return f"{int(seconds)}s"
