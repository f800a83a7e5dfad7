"""The targets that a query selects, in order, and how many there are of each kind."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from exporter.runtime.target_state import TargetState
from exporter.runtime.targets import Targets
from exporter.web.target_query import TargetQuery
from exporter.web.view import STATES, State, mode_of, reason_of, state_of

TARGETS_PER_STEP = 500
"""Targets examined before polls run again: about a millisecond."""

_RANK = {state: rank for rank, state in enumerate(STATES)}


def _state_value(tracked: TargetState, _now: float) -> tuple[int, float]:
    """Return the rank of the state, and within `down` the latest failure first."""
    return _RANK[state_of(tracked)], -(tracked.availability.down_since or 0.0)


_SORT_VALUES: Mapping[str, Callable[[TargetState, float], Any]] = {
    "state": _state_value,
    "name": lambda one, _: one.target.name,
    "system": lambda one, _: one.target.system.name,
    "mode": lambda one, _: mode_of(one) or None,
    "availability": lambda one, now: one.availability.share(now),
    "polled": lambda one, _: one.snapshot and one.snapshot.poll.ended,
    "duration": lambda one, _: one.snapshot and one.snapshot.poll.duration,
    "reason": lambda one, _: reason_of(one) or None,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetPage:
    """One page of the selected targets."""

    targets: Sequence[TargetState]
    number: int
    """How many targets the query selects, on all pages."""
    states: Mapping[State, int]
    """How many targets are in each state, selected or not."""
    reasons: Mapping[str, int]
    """How many targets failed for each reason, selected or not."""
    now: float
    """The time of the selection, in Unix seconds."""


async def select_targets(query: TargetQuery, targets: Targets) -> TargetPage:
    """Select targets in steps between which polls run: ten thousand take some 20 ms.

    Targets without a value to sort by come last, in either direction.
    """
    targets.age()  # A result that is too old counts as failed from now on.
    now, words = targets.clock.wall(), query.words()
    value_of = _SORT_VALUES[query.sort_key]
    states: Counter[State] = Counter()
    reasons: Counter[str] = Counter()
    ordered: list[tuple[Any, TargetState]] = []
    unordered: list[TargetState] = []
    every = tuple(targets)
    for start in range(0, len(every), TARGETS_PER_STEP):
        for tracked in every[start : start + TARGETS_PER_STEP]:
            state, reason = state_of(tracked), reason_of(tracked)
            states[state] += 1
            if reason:
                reasons[reason] += 1
            if not query.matches(tracked, state, reason, words):
                continue
            value = value_of(tracked, now)
            if value is None:
                unordered.append(tracked)
            else:
                ordered.append((value, tracked))
        await asyncio.sleep(0)
    ordered.sort(key=itemgetter(0), reverse=query.is_descending)
    selected = [*(tracked for _, tracked in ordered), *unordered]
    return TargetPage(
        targets=selected[query.offset : query.offset + query.limit],
        number=len(selected),
        states=states,
        reasons=reasons,
        now=now,
    )
