"""Which targets a request selects, in which order."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from multidict import MultiDict, MultiMapping

from exporter.errors import QueryError, Reason
from exporter.runtime.target_state import TargetState
from exporter.web.query import check_systems, read_query, short_word
from exporter.web.view import STATES, State

# A number with more digits is larger than any count here.
_MAX_DIGITS = 9
# Each is compared with every target; a URL has room for thousands.
_MAX_WORDS = 20
_SINGLE = ("state", "system", "reason", "search", "sort", "limit", "offset")
# A form sends its empty fields, too.
_MAY_BE_EMPTY = frozenset({"state", "system", "reason", "search", "sort", "label"})

_Word = TypeVar("_Word", bound=str)

SORT_KEYS = ("state", "name", "system", "mode", "availability", "polled", "duration", "reason")
"""What targets can be sorted by; the first is the default."""
DESCENDING = "-"
"""In front of a sort key, it reverses the order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetQuery:
    """Filters, order and page of a list of targets; an empty filter matches every target."""

    state: State | None = None
    system: str = ""
    reason: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    """Names and values of labels that a target must have."""
    search: str = ""
    """Words that must be in a target's name or labels, in any case."""
    sort: str = SORT_KEYS[0]
    """A sort key, or `-` and a sort key."""
    limit: int
    offset: int = 0

    @property
    def is_filter(self) -> bool:
        """Whether it can leave out targets."""
        return bool(self.state or self.system or self.reason or self.labels or self.search)

    @property
    def sort_key(self) -> str:
        """The sort key without its direction."""
        return self.sort.removeprefix(DESCENDING)

    @property
    def is_descending(self) -> bool:
        """Whether the largest values come first."""
        return self.sort.startswith(DESCENDING)

    def words(self) -> list[str]:
        """Return the words to search for, in lower case."""
        return self.search.lower().split()

    def matches(
        self, tracked: TargetState, state: State, reason: str, words: Sequence[str]
    ) -> bool:
        """Return whether a target of this state and failure reason passes the filters.

        `words` are those of the query, which are the same for all targets.
        """
        target, searched = tracked.target, tracked.words if words else ""
        return (
            (not self.state or state == self.state)
            and (not self.system or target.system.name == self.system)
            and (not self.reason or reason == self.reason)
            and not (
                self.labels and any(target.labels.get(key) != text for key, text in self.labels)
            )
            and all(word in searched for word in words)
        )


def read_target_query(
    query: MultiMapping[str], systems: Collection[str], *, default_limit: int, max_limit: int
) -> TargetQuery:
    """Read the query of a request; a `limit` above the maximum is lowered to it.

    Raises:
        QueryError: A parameter, state, system, reason or sort key is unknown, a number or label is
            malformed, or there are too many words or labels.
    """
    filled = MultiDict(item for item in query.items() if item[1] or item[0] not in _MAY_BE_EMPTY)
    given = read_query(filled, single=_SINGLE, repeated=("label",))
    single = {name: values[0] for name, values in given.items()}
    system, sort = single.get("system", ""), single.get("sort", SORT_KEYS[0])
    state = _known_word("state", single.get("state", ""), STATES)
    reason = _known_word("reason", single.get("reason", ""), tuple(Reason))
    _known_word("sort", sort.removeprefix(DESCENDING), SORT_KEYS)
    check_systems([system] if system else [], systems)
    if len(single.get("search", "").split()) > _MAX_WORDS:
        raise QueryError(f"search: more than {_MAX_WORDS} words")
    return TargetQuery(
        state=state,
        system=system,
        reason=reason or "",
        labels=_labels(given.get("label", ())),
        search=single.get("search", ""),
        sort=sort,
        limit=min(_number(single, "limit", default_limit), max_limit),
        offset=_number(single, "offset", 0),
    )


def _known_word(name: str, word: str, known: Sequence[_Word]) -> _Word | None:
    found = next((one for one in known if one == word), None)
    if word and found is None:
        raise QueryError(f'unknown {name} "{short_word(word)}"; known: {", ".join(known)}')
    return found


def _labels(given: Sequence[str]) -> tuple[tuple[str, str], ...]:
    if len(given) > _MAX_WORDS:
        raise QueryError(f"label: more than {_MAX_WORDS}")
    labels = []
    for text in dict.fromkeys(given):
        name, mark, value = text.partition("=")
        if not (name and mark):
            raise QueryError(f'label: "{short_word(text)}" is not NAME=VALUE')
        labels.append((name, value))
    return tuple(labels)


def _number(given: Mapping[str, str], name: str, default: int) -> int:
    text = given.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS):
        raise QueryError(f'{name}: "{short_word(text)}" is not a whole number')
    return int(text)
