"""A request's query goes in; which targets it wants to see comes out, and how many there are."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from multidict import MultiDict, MultiMapping

from exporter.errors import QueryError
from exporter.targets import Targets, Tracked
from exporter.web.query import check_systems, quoted, read_query
from exporter.web.view import STATES, State, state_of

_LARGEST = 10**9
_OPTIONAL = ("state", "system", "search")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What is wanted: of one state, of one system, with words in their names or labels."""

    state: str = ""
    system: str = ""
    search: str = ""
    limit: int
    offset: int = 0

    def of(self, targets: Targets) -> "Chosen":
        """Return the targets that are wanted, what matters most first."""
        targets.age()  # What has become too old is down from now on.
        words = self.search.lower().split()
        found: dict[State, list[Tracked]] = {state: [] for state in STATES}
        counts: Counter[State] = Counter()
        for tracked in targets:
            state = state_of(tracked)
            counts[state] += 1
            if self._has(tracked, state, words):
                found[state].append(tracked)
        everyone = [one for state in STATES for one in found[state]]
        shown = everyone[self.offset : self.offset + self.limit]
        return Chosen(shown=shown, number=len(everyone), counts=counts)

    def _has(self, tracked: Tracked, state: State, words: Sequence[str]) -> bool:
        if self.state and state != self.state:
            return False
        if self.system and tracked.target.system.name != self.system:
            return False
        if not words:
            return True
        target = tracked.target
        text = " ".join((target.name, *target.labels.values())).lower()
        return all(word in text for word in words)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """What was found: those to show, how many there are besides, and how many of each state."""

    shown: Sequence[Tracked]
    number: int
    counts: Mapping[State, int]


def read_choice(
    query: MultiMapping[str], systems: Collection[str], *, limit: int, most: int
) -> Choice:
    """Read what is wanted; without a `limit` it is so many, and never more than `most`.

    Raises:
        QueryError: A parameter, a state or a system is not known, or a number is none.
    """
    # A form sends what was left empty, too.
    kept = MultiDict(one for one in query.items() if one[1] or one[0] not in _OPTIONAL)
    given = read_query(kept, once=(*_OPTIONAL, "limit", "offset"))
    one = {name: values[0] for name, values in given.items()}
    state, system = one.get("state", ""), one.get("system", "")
    if state and state not in STATES:
        raise QueryError(f'unknown state "{quoted(state)}"; known: {", ".join(STATES)}')
    check_systems([system] if system else [], systems)
    return Choice(
        state=state,
        system=system,
        search=one.get("search", ""),
        limit=min(_number(one, "limit", limit), most),
        offset=_number(one, "offset", 0),
    )


def _number(given: Mapping[str, str], name: str, default: int) -> int:
    text = given.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal()) or int(text[:12]) > _LARGEST:
        raise QueryError(f'{name}: "{quoted(text)}" is not a whole number')
    return int(text)
