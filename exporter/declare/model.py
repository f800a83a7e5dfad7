"""The base of the models of YAML mappings, and types of values that several models share."""

import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError


def fault(message: str) -> PydanticCustomError:
    """Return an error for pydantic whose message is shown unchanged."""
    # Pydantic formats the template: braces in the message must not be placeholders.
    return PydanticCustomError("fault", "{message}", {"message": message})


def value_schema(kind: str, **schema: Any) -> WithJsonSchema:
    """Return a value's schema: its name in the reference, and its form for editors."""
    return WithJsonSchema({"title": kind, **({"type": "string"} | schema)})


@dataclass(frozen=True)
class NamedKind:
    """Gives a kind of values its name in the reference; its own keys are described elsewhere."""

    kind: str


def check_encodable(value: str) -> None:
    """Reject text that cannot be encoded as UTF-8."""
    # The command line and the environment pass bytes that are not UTF-8 as lone surrogates.
    try:
        value.encode()
    except UnicodeEncodeError:
        raise fault("this is not valid UTF-8") from None


def _scalar_text(value: Any) -> Any:
    if isinstance(value, str):
        check_encodable(value)
    # A server ID is a number to YAML and a text to everything else.
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def as_float(value: Any) -> Any:
    """Return a whole number as a float, any other value unchanged."""
    if not isinstance(value, int) or isinstance(value, bool):
        return value
    try:
        return float(value)
    except OverflowError:
        raise fault("the number is too large") from None


Text = Annotated[
    str, BeforeValidator(_scalar_text), value_schema("text", type=["string", "integer"])
]
Float = Annotated[float, BeforeValidator(as_float), value_schema("number", type="number")]


TEXT_TAG, MAPPING_TAG = "[text]", "[mapping]"
"""Tags of a text or mapping; they are in the locations of errors, and are removed from messages."""

TEXT_OR_MAPPING = Discriminator(lambda value: MAPPING_TAG if isinstance(value, dict) else TEXT_TAG)


class Model(BaseModel):
    """A mapping of the file: no unknown keys, no guessed types.

    Instances are compared by identity: a declaration is loaded once, and targets refer to it.
    """

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        arbitrary_types_allowed=True,
        hide_input_in_errors=True,
        # A key's docstring is its line in the reference, and what an editor shows.
        use_attribute_docstrings=True,
        # Groups of fields refer to all kinds of fields: each model is built once, when it is needed.
        defer_build=True,
    )

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, value: Any) -> Any:
        # A key is null if all lines below it are comments: treat it as missing.
        if isinstance(value, dict):
            known = {field.alias or name for name, field in cls.model_fields.items()}
            return {key: one for key, one in value.items() if one is not None or key not in known}
        return value


def one_of(model: Model, *names: str, required: bool = True) -> None:
    """Reject several keys of which only one is allowed, and none if one is required."""
    aliases = {name: type(model).model_fields[name].alias or name for name in names}
    given = [aliases[name] for name in names if getattr(model, name) is not None]
    if len(given) > 1:
        raise fault(f"give either {' or '.join(given)}, not both")
    if required and not given:
        raise fault(f"needs {' or '.join(aliases.values())}")


def sentence(text: str) -> str:
    """Return a help text as one line that begins with a capital letter and ends with a period."""
    line = re.sub(r"\s+", " ", text).strip().rstrip(".")
    return f"{line[:1].upper()}{line[1:]}."
