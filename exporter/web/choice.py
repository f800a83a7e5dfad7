"""Which targets a request asks for, in which order, and how many there are."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, TypeVar

from multidict import MultiDict, MultiMapping

from exporter.errors import QueryError, Reason
from exporter.runtime.target_state import TargetState
from exporter.runtime.targets import Targets
from exporter.web.query import check_systems, quoted, read_query
from exporter.web.view import STATES, State, mode_of, reason_of, state_of

# A number with more digits is larger than any count here.
_MAX_DIGITS = 9
# Each is looked for in every target; a URL has room for thousands.
_MAX_WORDS = 20
_ONCE = ("state", "system", "reason", "search", "sort", "limit", "offset")
# A form sends what was left empty, too.
_MAY_BE_EMPTY = frozenset({"state", "system", "reason", "search", "sort", "label"})

_Word = TypeVar("_Word", bound=str)

DEFAULT_SORT = "state"
_REVERSED = "-"
_PLACE = {state: at for at, state in enumerate(STATES)}


def _state_key(tracked: TargetState, _now: float) -> tuple[int, float]:
    """Sort by state, those that are down by when they went down, the last first."""
    return _PLACE[state_of(tracked)], -(tracked.availability.down_since or 0.0)


_Key = Callable[[TargetState, float], Any]
_SORT_KEYS: Mapping[str, _Key] = {
    DEFAULT_SORT: _state_key,
    "name": lambda one, _: one.target.name,
    "system": lambda one, _: one.target.system.name,
    "mode": lambda one, _: mode_of(one) or None,
    "availability": lambda one, now: one.availability.share(now),
    "polled": lambda one, _: one.snapshot and one.snapshot.poll.ended,
    "duration": lambda one, _: one.snapshot and one.snapshot.poll.duration,
    "reason": lambda one, _: reason_of(one) or None,
}
"""What targets are sorted by; those without a value come last, in either direction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetQuery:
    """Which targets are wanted; what is empty allows any."""

    state: State | None = None
    system: str = ""
    reason: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    """Names and values of labels that a target must have."""
    search: str = ""
    """Words that must be in a target's name or labels."""
    sort: str = DEFAULT_SORT
    """What to sort by, with a minus in front for the reverse."""
    limit: int
    offset: int = 0

    @property
    def is_filter(self) -> bool:
        """Whether it leaves targets out."""
        return bool(self.state or self.system or self.reason or self.labels or self.search)

    @property
    def is_grouped(self) -> bool:
        """Whether the targets come by the reason of their failure."""
        return self.sort.removeprefix(_REVERSED) == "reason"

    def of(self, targets: Targets) -> "TargetPage":
        """Return the targets that are wanted, in order."""
        targets.age()  # What has become too old is down from now on.
        states = Counter(state_of(one) for one in targets)
        reasons = Counter(reason_of(one) for one in targets) if states["down"] else Counter()
        reasons.pop("", None)
        found = list(targets)
        if self.state:
            found = [one for one in found if state_of(one) == self.state]
        if self.system:
            found = [one for one in found if one.target.system.name == self.system]
        if self.reason:
            found = [one for one in found if reason_of(one) == self.reason]
        for name, value in self.labels:
            found = [one for one in found if one.target.labels.get(name) == value]
        for word in self.search.lower().split():
            found = [one for one in found if word in one.words]
        found = _sorted(found, self.sort, targets.clock.wall())
        shown = found[self.offset : self.offset + self.limit]
        return TargetPage(shown=shown, number=len(found), counts=states, reasons=reasons)


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetPage:
    """What was found."""

    shown: Sequence[TargetState]
    """The targets to show."""
    number: int
    """How many were found, those on other pages included."""
    counts: Mapping[State, int]
    """How many of all targets are in each state."""
    reasons: Mapping[str, int]
    """How many of all targets failed for each reason."""


def _sorted(found: Sequence[TargetState], sort: str, now: float) -> list[TargetState]:
    key = _SORT_KEYS[sort.removeprefix(_REVERSED)]
    keyed = [(key(one, now), one) for one in found]
    known = [pair for pair in keyed if pair[0] is not None]
    known.sort(key=itemgetter(0), reverse=sort.startswith(_REVERSED))
    return [one for _, one in known] + [one for value, one in keyed if value is None]


def read_choice(
    query: MultiMapping[str], systems: Collection[str], *, limit: int, most: int
) -> TargetQuery:
    """Read which targets are wanted: `limit` of them by default, and at most `most`.

    Raises:
        QueryError: A parameter, a state, a system, a reason or an order is not known, a number or a
            label is malformed, or the words or labels are too many.
    """
    kept = MultiDict(one for one in query.items() if one[1] or one[0] not in _MAY_BE_EMPTY)
    given = read_query(kept, once=_ONCE, often=("label",))
    one = {name: values[0] for name, values in given.items()}
    system, sort = one.get("system", ""), one.get("sort", DEFAULT_SORT)
    state = _known("state", one.get("state", ""), STATES)
    reason = _known("reason", one.get("reason", ""), tuple(Reason))
    _known("sort", sort.removeprefix(_REVERSED), tuple(_SORT_KEYS))
    check_systems([system] if system else [], systems)
    if len(one.get("search", "").split()) > _MAX_WORDS:
        raise QueryError(f"search: more than {_MAX_WORDS} words")
    return TargetQuery(
        state=state,
        system=system,
        reason=reason or "",
        labels=_labels(given.get("label", ())),
        search=one.get("search", ""),
        sort=sort,
        limit=min(_number(one, "limit", limit), most),
        offset=_number(one, "offset", 0),
    )


def _known(name: str, word: str, known: Sequence[_Word]) -> _Word | None:
    found = next((one for one in known if one == word), None)
    if word and found is None:
        raise QueryError(f'unknown {name} "{quoted(word)}"; known: {", ".join(known)}')
    return found


def _labels(given: Sequence[str]) -> tuple[tuple[str, str], ...]:
    if len(given) > _MAX_WORDS:
        raise QueryError(f"label: more than {_MAX_WORDS}")
    labels = []
    for text in dict.fromkeys(given):
        name, mark, value = text.partition("=")
        if not (name and mark):
            raise QueryError(f'label: "{quoted(text)}" is not NAME=VALUE')
        labels.append((name, value))
    return tuple(labels)


def _number(given: Mapping[str, str], name: str, default: int) -> int:
    text = given.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS):
        raise QueryError(f'{name}: "{quoted(text)}" is not a whole number')
    return int(text)
