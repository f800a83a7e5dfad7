"""A request's query goes in; which targets it wants to see comes out, and how many there are."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from multidict import MultiDict, MultiMapping

from exporter.errors import QueryError
from exporter.runtime.targets import Targets
from exporter.runtime.tracked import Tracked
from exporter.web.query import check_systems, quoted, read_query
from exporter.web.view import STATES, State, state_of

# A number of more is none that anything here is counted by.
_MOST_DIGITS = 9
# Each is looked for in every target; a URL has room for thousands.
_MOST_WORDS = 20
_OPTIONAL = ("state", "system", "search")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What is wanted: of one state, of one system, with words in their names or labels."""

    state: State | None = None
    system: str = ""
    search: str = ""
    limit: int
    offset: int = 0

    def of(self, targets: Targets) -> "Chosen":
        """Return the targets that are wanted, what matters most first."""
        targets.age()  # What has become too old is down from now on.
        everyone: dict[State, list[Tracked]] = {state: [] for state in STATES}
        for tracked in targets:
            everyone[state_of(tracked)].append(tracked)
        counts = {state: len(those) for state, those in everyone.items() if those}
        wanted = [self.state] if self.state else STATES
        found = [one for state in wanted for one in everyone[state]]
        if self.system:
            found = [one for one in found if one.target.system.name == self.system]
        for word in self.search.lower().split():
            found = [one for one in found if word in one.words]
        shown = found[self.offset : self.offset + self.limit]
        return Chosen(shown=shown, number=len(found), counts=counts)


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
        QueryError: A parameter, a state or a system is not known, a number is none, or the
            words are too many.
    """
    # A form sends what was left empty, too.
    kept = MultiDict(one for one in query.items() if one[1] or one[0] not in _OPTIONAL)
    given = read_query(kept, once=(*_OPTIONAL, "limit", "offset"))
    one = {name: values[0] for name, values in given.items()}
    said, system = one.get("state", ""), one.get("system", "")
    state = next((state for state in STATES if state == said), None)
    if said and state is None:
        raise QueryError(f'unknown state "{quoted(said)}"; known: {", ".join(STATES)}')
    check_systems([system] if system else [], systems)
    if len(one.get("search", "").split()) > _MOST_WORDS:
        raise QueryError(f"search: more than {_MOST_WORDS} words")
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
    if not (text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS):
        raise QueryError(f'{name}: "{quoted(text)}" is not a whole number')
    return int(text)
