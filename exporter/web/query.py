"""The parameters of a request's query."""

from collections.abc import Collection, Mapping

from multidict import MultiMapping

from exporter.errors import QueryError, suggestion
from exporter.text import printable

# An error message repeats a word of the request, and stays one line.
_MAX_EXCERPT = 80


def read_query(
    query: MultiMapping[str], *, single: Collection[str] = (), repeated: Collection[str] = ()
) -> Mapping[str, tuple[str, ...]]:
    """Return the values of each parameter of the query.

    Raises:
        QueryError: A parameter is unknown or empty, or occurs twice though it is `single`.
    """
    known = {*single, *repeated}
    found: dict[str, tuple[str, ...]] = {}
    for name, value in query.items():
        if name not in known:
            raise QueryError(f'unknown parameter "{short_word(name)}"; {_suggestion(name, known)}')
        if not value:
            raise QueryError(f"the parameter {name} is empty")
        if name in found and name in single:
            raise QueryError(f"the parameter {name} is given more than once")
        found[name] = (*found.get(name, ()), value)
    return found


def short_word(word: str) -> str:
    """Return the start of a word of the request for a message: printable, 80 characters."""
    word = printable(word)
    return word if len(word) <= _MAX_EXCERPT else f"{word[:_MAX_EXCERPT]}..."


def check_systems(names: Collection[str], known: Collection[str]) -> None:
    """Check that each system exists.

    Raises:
        QueryError: One does not; the message has a suggestion.
    """
    for name in names:
        if name not in known:
            raise QueryError(f'unknown system "{short_word(name)}"; {_suggestion(name, known)}')


def _suggestion(word: str, known: Collection[str]) -> str:
    return suggestion(word[:_MAX_EXCERPT], known)
