"""A request's query goes in; its parameters come out, or one line about what is wrong with it."""

from collections.abc import Collection, Mapping

from multidict import MultiMapping

from exporter.errors import QueryError, suggestion
from exporter.text import printable

# What is said back to whoever asked fits a line.
_LONGEST_WORD = 80


def read_query(
    query: MultiMapping[str], *, once: Collection[str] = (), often: Collection[str] = ()
) -> Mapping[str, tuple[str, ...]]:
    """Return the values of each parameter that is there.

    Raises:
        QueryError: One is unknown or empty, or given twice where it can be given once.
    """
    known = {*once, *often}
    found: dict[str, tuple[str, ...]] = {}
    for name, value in query.items():
        if name not in known:
            raise QueryError(f'unknown parameter "{quoted(name)}"; {_meant(name, known)}')
        if not value:
            raise QueryError(f"the parameter {name} is empty")
        if name in found and name in once:
            raise QueryError(f"the parameter {name} is given more than once")
        found[name] = (*found.get(name, ()), value)
    return found


def quoted(word: str) -> str:
    """Make a word of the request fit to be said back: printable and short."""
    word = printable(word)
    return word if len(word) <= _LONGEST_WORD else f"{word[:_LONGEST_WORD]}..."


def check_systems(named: Collection[str], known: Collection[str]) -> None:
    """Refuse a system that there is not.

    Raises:
        QueryError: The first of them, with what it may have been meant to be.
    """
    for name in named:
        if name not in known:
            raise QueryError(f'unknown system "{quoted(name)}"; {_meant(name, known)}')


def _meant(word: str, known: Collection[str]) -> str:
    return suggestion(word[:_LONGEST_WORD], known)
