"""The values of the last hour, sampled once a minute, for the sparklines of a target's page.

Sampling copies the values of the current snapshots; polls do nothing for it.
"""

import math
from array import array
from collections.abc import Collection

from exporter.runtime.target_state import Sample, TargetState

MAX_SAMPLES = 60
INTERVAL = 60.0
"""Seconds between two samples."""

# Numbers of a whole sample, 8 bytes each: all samples together hold 24 MB at most. 10,000 targets
# with 23 series each would hold 190 MB, so that they have no history.
_MAX_NUMBERS = 50_000
# A sample of a target without a series is as large as that of so many numbers.
_NUMBERS_A_TARGET = 17
# A page reads all of them at once.
_MAX_SERIES_A_TARGET = 500
# Lists of series that the samples of a target refer to, one of them that of a failed poll. They are
# larger than the values, and some targets have other series with every poll.
_MAX_LISTS_A_TARGET = 4


class History:
    """Samples the values of all targets when they are due."""

    def __init__(self) -> None:
        self._due = -math.inf
        self._is_off = False

    def sample(self, tracked: Collection[TargetState], now: float) -> None:
        """Add a sample of each target, once a minute; `now` is monotonic.

        Above a size it drops all samples instead.
        """
        if now < self._due:
            return
        self._due = now + INTERVAL
        was_off, self._is_off = self._is_off, _is_too_large(tracked)
        if was_off and self._is_off:
            return  # Looking at each of ten thousand targets would hold the event loop.
        for one in tracked:
            snapshot = one.snapshot
            if self._is_off or (snapshot and len(snapshot.values) > _MAX_SERIES_A_TARGET):
                one.history.clear()
            elif snapshot:
                _append(one.history, (snapshot.served, array("d", snapshot.values)))


def _is_too_large(tracked: Collection[TargetState]) -> bool:
    """Return whether a sample of all targets has more than _MAX_NUMBERS."""
    numbers = 0
    for one in tracked:
        if one.snapshot is not None:
            numbers += len(one.snapshot.values) + _NUMBERS_A_TARGET
            if numbers > _MAX_NUMBERS:
                return True
    return False


def _append(samples: list[Sample], sample: Sample) -> None:
    samples.append(sample)
    if len(samples) > MAX_SAMPLES:
        del samples[0]
    if len(samples) > 1 and samples[-2][0] is not sample[0]:
        while len({id(served) for served, _ in samples}) > _MAX_LISTS_A_TARGET:
            del samples[0]
