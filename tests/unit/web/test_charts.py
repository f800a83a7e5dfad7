"""The charts: heights on a logarithmic scale, and lines with gaps."""

import re

from exporter.web.charts import (
    CHART_HEIGHT,
    SPARKLINE_POLLS,
    increases,
    poll_bars,
    poll_scale,
    poll_sparkline,
    value_path,
)


def test_one_slow_poll_does_not_flatten_the_others() -> None:
    quick, usual, slow = poll_bars([0.002, 0.05, 5.0], 5.0)

    assert quick.height < usual.height / 2 < slow.height / 2
    assert slow.height == CHART_HEIGHT
    assert usual.height > CHART_HEIGHT / 3
    assert all(one.y + one.height == CHART_HEIGHT for one in (quick, usual, slow))


def test_bars_stay_on_the_chart_with_any_timeout() -> None:
    for timeout in (0.001, 0.5, 60.0):
        bars = poll_bars([0.0, -0.0, 1e-9, -90.0], timeout)

        assert [one.succeeded for one in bars] == [True, False, True, False]
        assert all(0 < one.height <= CHART_HEIGHT for one in bars)
        assert all(0 <= y <= CHART_HEIGHT for y, _ in poll_scale(timeout))


def test_the_scale_ends_with_the_timeout() -> None:
    assert [text for _, text in poll_scale(5.0)] == ["10 ms", "100 ms", "5 s"]
    assert [text for _, text in poll_scale(1.5)] == ["10 ms", "100 ms", "1.5 s"]


def test_a_sparkline_has_the_last_polls() -> None:
    found = poll_sparkline([0.1] * 50 + [-0.1], 5.0)

    assert (found.polls, found.failures) == (SPARKLINE_POLLS, 1)
    assert found.success_path.count("M") == SPARKLINE_POLLS - 1
    assert found.failure_path.count("M") == 1
    assert poll_sparkline([], 5.0).polls == 0


def test_a_value_path_spans_the_values_and_has_gaps() -> None:
    path = value_path([1.0, 2.0, None, 3.0, 2.0])
    heights = [float(one) for one in re.findall(r"[ML]\S+ ([\d.]+)", path)]

    assert path.count("M") == 2
    # Downwards: the largest value has the smallest y.
    assert heights == [15.0, 8.0, 1.0, 8.0]
    assert value_path([None, 1.0, 2.0]) == ""
    assert "nan" not in value_path([1.0] * 5)


def test_increases_restart_from_0_at_a_reset() -> None:
    assert increases([5.0, 7.0, 1.0, None, 4.0]) == [2.0, 1.0, None, None]
    assert increases([]) == []
