"""Metrics that two systems declare."""

from pathlib import Path

import pytest

from exporter.config import load_text
from exporter.errors import ConfigError

TEXT = """
systems:
  one:
    prefix: port
    endpoints: [{{path: /, fields: [{{gauge: port_tide, path: /a{one}}}]}}]
  two:
    prefix: port
    endpoints: [{{path: /, fields: [{{gauge: port_tide, path: /b{two}}}]}}]
"""


@pytest.mark.parametrize(("one", "two"), [("", ""), (", help: Tide.", ""), ("", ", help: Tide.")])
def test_generated_help_is_not_compared(one: str, two: str) -> None:
    settings = load_text(TEXT.format(one=one, two=two), "c", Path(), {}, needs_targets=False)

    assert set(settings.systems) == {"one", "two"}


def test_declared_help_must_be_the_same() -> None:
    text = TEXT.format(one=", help: Tide.", two=", help: Ebb.")

    with pytest.raises(
        ConfigError, match=r"c:8:.*port_tide is declared differently by one: its help differs"
    ):
        load_text(text, "c", Path(), {}, needs_targets=False)
