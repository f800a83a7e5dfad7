"""FreeSWITCH's status text: lines that no pattern matches are reported as unmapped."""

import pytest

from exporter.declare.lines import Lines
from exporter.systems import SYSTEMS

(STATUS,) = (
    field
    for endpoint in SYSTEMS["webitel"].endpoints
    for field in endpoint.fields
    if isinstance(field, Lines)
)


@pytest.mark.parametrize(
    "line",
    [
        "FreeSWITCH (Version 1.2.5) is nearly ready",
        "FreeSWITCH is ready now",
        "12 session(s) since yesterday",
        "4759 session(s) / peak 5159, last 5min 4759 ",
        "2 session(s) per second out of max 30",
        "1,000 session(s) max",
        "min idle cpu: 0.00/95.00",
        "Current Stack Size/Max 240M/8M",
    ],
)
def test_a_changed_line_is_unmapped(line: str) -> None:
    assert [*STATUS.unmapped_lines(f"7 session(s) since startup\n{line}\n")] == [line.strip()]


@pytest.mark.parametrize(
    ("line", "groups"),
    [
        ("FreeSWITCH is ready", {"ready": "ready"}),
        ("Example Switch is not ready", {"ready": "not ready"}),
        (
            "Example Switch (Version 3.1-dev git abc 64bit) is ready",
            {"ready": "ready", "version": "3.1", "build": "dev git abc 64bit"},
        ),
        ("-968 session(s) per Sec out of max 30, peak 37, last 5min 3 ", {"rate": "-968"}),
        ("-1 session(s) max", {"limit": "-1"}),
    ],
)
def test_a_known_line_is_read(line: str, groups: dict[str, str]) -> None:
    assert groups.items() <= STATUS.groups_of(line).items()
    assert [*STATUS.unmapped_lines(line)] == []
