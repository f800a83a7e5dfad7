"""Accept headers: what Prometheus sends, what others send, and malformed ones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.toolkit.negotiate import Format, accepts_gzip, choose_format

TEXT, OPENMETRICS = Format.TEXT, Format.OPENMETRICS
PROMETHEUS_2 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", TEXT),
        ("*/*", TEXT),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", TEXT),
        (PROMETHEUS_2, OPENMETRICS),
        (PROMETHEUS_3, OPENMETRICS),
        (
            "application/vnd.google.protobuf;proto=x;encoding=delimited;q=0.6," + PROMETHEUS_3,
            OPENMETRICS,
        ),
        ("application/openmetrics-text", OPENMETRICS),
        ("Application/OpenMetrics-Text; Version=1.0.0", OPENMETRICS),
        ('application/openmetrics-text;version="1.0.0"', OPENMETRICS),
        ('application/openmetrics-text;version="1\\.0.0"', OPENMETRICS),
        ("application/openmetrics-text;version=2.0.0", TEXT),
        ("application/openmetrics-text;version=9", TEXT),
        ("application/openmetrics-text;q=0", TEXT),
        ("application/openmetrics-text;q=0.2,text/plain;q=0.3", TEXT),
        ("text/plain;q=0.3,application/openmetrics-text;q=0.4", OPENMETRICS),
        ("text/plain,application/openmetrics-text", TEXT),
        ("application/openmetrics-text,text/plain", OPENMETRICS),
        ("text/*;q=0.9,application/openmetrics-text;q=0.8", TEXT),
        (" application/openmetrics-text ; version=1.0.0 ; q=1.000 , ", OPENMETRICS),
        (",,application/openmetrics-text", OPENMETRICS),
        ("application/json", TEXT),
        # Malformed: the whole header counts for nothing.
        ("application/openmetrics-text;q=2", TEXT),
        ("application/openmetrics-text;q=-1", TEXT),
        ("application/openmetrics-text;q=nan", TEXT),
        ("application/openmetrics-text;q=0.1234", TEXT),
        ("application/openmetrics-text;q=", TEXT),
        ("application/openmetrics-text;version", TEXT),
        ('application/openmetrics-text;version="1.0.0', TEXT),
        ("application/openmetrics-text,/", TEXT),
        ("application/openmetrics-text text/plain", TEXT),
        ("application/openmetrics-text,\x00", TEXT),
        ("application/openmetrics-text," + "a/b," * 2000, TEXT),
    ],
)
def test_the_preferred_format_is_chosen(accept: str, expected: Format) -> None:
    assert choose_format(accept) is expected


@pytest.mark.parametrize(
    ("accept_encoding", "expected"),
    [
        ("", False),
        ("gzip", True),
        ("GZIP", True),
        ("x-gzip", True),
        ("deflate, gzip;q=0.5, br", True),
        ("*", True),
        ("*;q=0", False),
        ("gzip;q=0", False),
        ("gzip;q=0.0, *;q=1", False),
        ("identity", False),
        ("deflate", False),
        ("gzip;q=x", False),
        ("zstd, gzip;q=0.001", True),
    ],
)
def test_gzip_is_used_only_if_it_is_accepted(accept_encoding: str, expected: bool) -> None:
    assert accepts_gzip(accept_encoding) is expected


pieces = st.sampled_from(
    [
        "application/openmetrics-text",
        "text/plain",
        "*/*",
        ";",
        ",",
        "q=",
        "0.5",
        "1",
        '"',
        "\\",
        " ",
        "=",
        "é",
    ]
)


@given(st.one_of(st.text(), st.lists(pieces).map("".join)))
def test_any_header_has_a_format(header: str) -> None:
    assert choose_format(header) in Format
    assert accepts_gzip(header) in {True, False}


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["application/openmetrics-text", "text/plain"]), st.integers(0, 1000)
        ),
        min_size=1,
    )
)
def test_of_well_formed_ranges_the_highest_quality_wins(ranges: list[tuple[str, int]]) -> None:
    header = ", ".join(f"{media};q={q / 1000:.3f}" for media, q in ranges)
    best, quality = max(ranges, key=lambda one: one[1])
    expected = OPENMETRICS if "openmetrics" in best and quality else TEXT

    assert choose_format(header) is expected
