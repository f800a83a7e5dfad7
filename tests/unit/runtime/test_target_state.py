"""Since when a target is down, and how much of the time it was up."""

from exporter.runtime.target_state import Availability


def test_before_the_first_poll_nothing_is_known() -> None:
    assert Availability().share(1000.0) is None
    assert Availability().down_since is None


def test_down_begins_with_the_first_failure_and_ends_with_a_success() -> None:
    one = Availability()
    one.note_up(1000.0)
    one.note_down(1010.0)
    one.note_down(1020.0)

    assert one.down_since == 1010.0
    assert one.share(1040.0) == 0.25

    one.note_up(1040.0)
    assert one.down_since is None
    assert one.share(1100.0) == 0.7


def test_a_target_that_was_never_up_was_down_all_the_time() -> None:
    one = Availability()
    one.note_down(1000.0)

    assert one.share(1000.0) == 0.0
    assert one.share(1500.0) == 0.0


def test_a_wall_clock_that_steps_back_still_leaves_a_valid_share() -> None:
    one = Availability()
    one.note_up(1000.0)
    one.note_down(2000.0)
    one.note_up(500.0)

    assert one.share(400.0) == 1.0
    assert 0.0 <= (one.share(1001.0) or 0.0) <= 1.0
