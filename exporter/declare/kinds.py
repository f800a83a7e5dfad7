"""All kinds of fields, by the key that names their metric or path."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated, Any

from pydantic import Discriminator, Tag

from exporter.declare.each import Count, Each
from exporter.declare.groups import Within
from exporter.declare.lines import Lines
from exporter.declare.model import Model, NamedKind
from exporter.declare.numbers import Counter, Gauge
from exporter.declare.states import States
from exporter.declare.texts import Info, Match

KINDS = ("gauge", "counter", "match", "states", "info", "count", "within", "each", "lines")
"""The keys that make a mapping a field of their kind."""

# "path" is not "match", but "gage" is "gauge".
_SIMILAR = 0.75


def _kind(value: Any) -> str | None:
    keys = value if isinstance(value, dict) else {}
    named = [kind for kind in KINDS if kind in keys]
    if not named:
        # With the kind that is probably meant, the message can name the misspelt key.
        named = [kind for key in keys for kind in get_close_matches(str(key), KINDS, 1, _SIMILAR)]
    return f"[{named[0]}]" if named else None


AnyField = Annotated[
    Annotated[Gauge, Tag("[gauge]")]
    | Annotated[Counter, Tag("[counter]")]
    | Annotated[Match, Tag("[match]")]
    | Annotated[States, Tag("[states]")]
    | Annotated[Info, Tag("[info]")]
    | Annotated[Count, Tag("[count]")]
    | Annotated[Within, Tag("[within]")]
    | Annotated[Each, Tag("[each]")]
    | Annotated[Lines, Tag("[lines]")],
    Discriminator(_kind),
    NamedKind("field"),
]
"""One of `fields`; the tag in brackets is in the locations of errors, and is removed from messages."""

FIELD_MODELS: Mapping[str, type[Model]] = {
    "[gauge]": Gauge,
    "[counter]": Counter,
    "[match]": Match,
    "[states]": States,
    "[info]": Info,
    "[count]": Count,
    "[within]": Within,
    "[each]": Each,
    "[lines]": Lines,
}
"""The models by their tags."""

for _model in FIELD_MODELS.values():
    # The types of groups refer to AnyField.
    _model.model_rebuild(_types_namespace={"AnyField": AnyField})
