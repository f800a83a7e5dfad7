"""Times of all usual forms, and declared formats and zones."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.declare import timestamps
from exporter.declare.readings import number_reader
from exporter.declare.timestamps import time_reader
from exporter.errors import FieldError

Spec = str | Mapping[str, Any]
BERLIN = {"time": "iso", "zone": "Europe/Berlin"}


def in_berlin(form: str) -> Spec:
    return {"time": form, "zone": "Europe/Berlin"}


READ: list[tuple[Spec, Any, float]] = [
    ("time", "2010-02-24T15:56:46.369Z", 1267027006.369),
    ("time", "2024-03-18T10:15:09.640+0100", 1710753309.64),
    ("time", "2024-03-18T10:15:09+01:00", 1710753309),
    ("time", "2024-03-18T10:15:09+01", 1710753309),
    ("time", " 2024-03-18T09:15:09Z ", 1710753309),
    ("time", "2024-03-18t09:15:09z", 1710753309),
    ("time", "2024-03-18 09:15:09 UTC", 1710753309),
    ("time", "2024-03-18T09:15:09,5Z", 1710753309.5),
    ("time", "2022-02-02T18:10:00.000226728Z", 1643825400.000226728),
    ("time", "1969-12-31T23:59:59.7500000Z", -0.25),
    ("time", "2018-11-18 12:00:00.000+0800", 1542513600),
    ("time", "2023-03-01T00:00:42.586+0800", 1677600042.586),
    ("time", "2024-06-29T10:15Z", 1719656100),
    ("time", "2024-06-29T10Z", 1719655200),
    ("time", "20240629T101500Z", 1719656100),
    ("time", "20240629T101500.25+0200", 1719648900.25),
    ("time", "2024-W26-6T10:15:00Z", 1719656100),
    ("time", "0001-01-01T00:00:00Z", -62135596800),
    ("time", "Fri, 26 Oct 2018 13:30:33 GMT", 1540560633),
    ("time", "Fri, 5 Oct 2018 13:30:33 +0200", 1538739033),
    ("time", "26 Oct 2018 13:30:33 GMT", 1540560633),
    ("time", "/Date(1330848000000-0800)/", 1330848000),
    ("time", "/Date(1330848000123)/", 1330848000.123),
    ({"time": "iso"}, "2024-03-18T09:15:09Z", 1710753309),
    (BERLIN, "2024-08-21T14:54:00.019521649", 1724244840.019521649),
    (BERLIN, "2024-08-21T14:54:00Z", 1724252040),
    (BERLIN, "2024-06-29", 1719612000),
    (BERLIN, "2024-01-29", 1706482800),
    (BERLIN, "Fri, 26 Oct 2018 13:30:33", 1540553433),
    # Of the hour that comes twice, the first.
    (BERLIN, "2024-10-27T02:30:00", 1729989000),
    ({"time": "iso", "zone": "UTC"}, "2024-06-29", 1719619200),
    (in_berlin("%d/%m/%Y %H:%M"), "29/06/2024 10:15", 1719648900),
    (in_berlin("%Y-%b-%d %H:%M:%S"), "2020-Nov-10 04:15:38", 1604978138),
    (in_berlin("%a %b %d %H:%M:%S %Y"), "Tue Mar 10 10:12:32 2020", 1583831552),
    (in_berlin("%a %b %d %H:%M:%S %Y"), "Tue Mar  3 10:12:32 2020", 1583226752),
    (in_berlin("%A, %B %d, %Y %I:%M %p"), "Saturday, June 29, 2024 12:05 pm", 1719655500),
    (in_berlin("%I %p %d.%m.%y"), "12 AM 29.06.24", 1719612000),
    (in_berlin("%d.%m.%y"), "01.01.70", -3600),
    (in_berlin("%Y%m%d%H%M%S"), "20240629101500", 1719648900),
    (in_berlin("%Y-%j"), "2024-366", 1735599600),
    (in_berlin("%H:%M:%S.%f %d %b %Y"), "10:15:00.000001 1 Jan 1970", 33300.000001),
    ({"time": "%Y-%m-%d %H:%M %z"}, "2024-06-29 10:15 +0200", 1719648900),
    ({"time": "%Y-%m-%d %H:%M%z"}, "2024-06-29 10:15Z", 1719656100),
]

GENERAL = "is not a time such as 2024-03-18T09:12:44.108Z"
NO_ZONE = "is not a time: it names no time zone; declare one, as in zone: Europe/Berlin"
UNIX = "is not a time; Unix time needs its unit, as in {time: seconds}"
UNREADABLE: list[tuple[Spec, Any, str]] = [
    ("time", "2024-03-18", f'"2024-03-18" {NO_ZONE}'),
    ("time", "2024-03-18T09:15:09", f'"2024-03-18T09:15:09" {NO_ZONE}'),
    (
        "time",
        "2024-13-18T09:15:09Z",
        '"2024-13-18T09:15:09Z" is not a time: month must be in 1..12',
    ),
    ("time", "1730000000", f'"1730000000" {UNIX}'),
    ("time", 1710753309, f"1710753309 {UNIX}"),
    ("time", "yesterday", f'"yesterday" {GENERAL}'),
    ("time", "Tue Mar 10 10:12:32 2020", f'"Tue Mar 10 10:12:32 2020" {GENERAL}'),
    ("time", "Fri, 26 Okt 2018 13:30:33 GMT", f'"Fri, 26 Okt 2018 13:30:33 GMT" {GENERAL}'),
    ("time", "03/04/2024 10:00:00Z", f'"03/04/2024 10:00:00Z" {GENERAL}'),
    ("time", "\u0662024-03-18T09:15:09Z", f'"\u0662024-03-18T09:15:09Z" {GENERAL}'),
    ("time", "2" * 65, f'"{"2" * 35}... {UNIX}'),
    ("time", None, f"null {GENERAL}"),
    ("time", [], f"a list {GENERAL}"),
    (
        in_berlin("%d/%m/%Y"),
        "2024-06-29",
        '"2024-06-29" is not a time of the format "%d/%m/%Y"',
    ),
    (in_berlin("%d/%m/%Y"), 29062024, '29062024 is not a time of the format "%d/%m/%Y"'),
    (
        in_berlin("%d/%m/%Y"),
        "31/06/2024",
        '"31/06/2024" is not a time of the format "%d/%m/%Y"',
    ),
]

WRONG: list[tuple[Spec, str]] = [
    (
        {"time": "%d/%m/%Y"},
        'the time format "%d/%m/%Y" has no zone; add %z, or a zone as in zone: Europe/Berlin',
    ),
    (
        in_berlin("%Q"),
        "the time format \"%Q\" cannot be used: 'Q' is a bad directive in format '%Q'",
    ),
    (
        in_berlin("%H:%M"),
        'the time format "%H:%M" needs a whole date, such as %Y-%m-%d',
    ),
    (
        {"time": "iso", "zone": "Europe/Berln"},
        'unknown zone "Europe/Berln"; did you mean "Europe/Berlin"?',
    ),
]


@pytest.mark.parametrize(("spec", "value", "expected"), READ)
def test_a_time_is_read_as_unix_seconds(spec: Spec, value: Any, expected: float) -> None:
    assert number_reader(spec)(value) == expected


@pytest.mark.parametrize(("spec", "value", "message"), UNREADABLE)
def test_an_unreadable_time_is_reported(spec: Spec, value: Any, message: str) -> None:
    read = number_reader(spec)
    # Twice: the cache must not change the outcome.
    for _ in range(2):
        with pytest.raises(FieldError) as caught:
            read(value)
        # From Python 3.14 on, the reason names the month.
        assert str(caught.value).removesuffix(", not 13") == message


@pytest.mark.parametrize(("spec", "message"), WRONG)
def test_a_wrong_format_or_zone_is_reported_in_one_line(spec: Spec, message: str) -> None:
    with pytest.raises(ValueError, match=r".+") as caught:
        number_reader(spec)

    assert str(caught.value) == message


@pytest.mark.parametrize(
    "zone", ["Europe", "../../etc/passwd", "/etc/localtime", "a\x00b", "\ud800"]
)
def test_an_invalid_zone_is_an_unknown_zone(zone: str) -> None:
    with pytest.raises(ValueError, match=r"^unknown zone "):
        number_reader({"time": "iso", "zone": zone})


def test_a_machine_without_time_zones_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timestamps, "available_timezones", set)

    with pytest.raises(ValueError, match=r"no time zones on this machine; install .* tzdata"):
        time_reader("iso", "Nowhere/Land")
    assert time_reader("iso", "UTC")("1970-01-01") == 0


def test_readers_of_the_same_format_share_their_cache() -> None:
    assert time_reader("%Y-%m-%d", "UTC") is time_reader("%Y-%m-%d", "UTC")
    assert time_reader("%Y-%m-%d", "UTC") is not time_reader("%Y-%m-%d", "Europe/Berlin")


moments = st.datetimes(datetime(1901, 1, 1), datetime(2100, 1, 1))  # noqa: DTZ001 - zone below


@settings(deadline=None)
@given(moments, st.integers(-12 * 60, 14 * 60))
def test_a_time_is_the_same_moment_in_any_zone(moment: datetime, minutes: int) -> None:
    moment = moment.replace(tzinfo=UTC)
    there = moment.astimezone(timezone(timedelta(minutes=minutes)))
    written = there.isoformat()
    expected = moment.timestamp()
    read = time_reader()

    assert read(written) == expected
    assert read(f"{written[:-3]}{written[-2:]}") == expected
    assert read(written.replace("-", "", 2)) == expected
    assert time_reader("%j %S %M %H %f %Y %z")(f"{there:%j %S %M %H %f %Y %z}") == expected
    assert (
        time_reader("%I:%M:%S.%f %p, %B %d %Y%z")(f"{there:%I:%M:%S.%f %p, %B %d %Y%z}") == expected
    )


@settings(deadline=None)
@given(moments, st.integers(0, 999_999_999))
def test_nanoseconds_are_rounded_once(moment: datetime, nanoseconds: int) -> None:
    seconds = int(moment.replace(microsecond=0, tzinfo=UTC).timestamp())
    written = f"{moment:%Y-%m-%dT%H:%M:%S}.{nanoseconds:09}Z"

    assert time_reader()(written) == (seconds * 10**9 + nanoseconds) / 10**9
