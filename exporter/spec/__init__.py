"""The words that systems are declared in: what stands where in an answer, and which metric it is.

A path is a JSON Pointer (RFC 6901); keys with blanks need no quoting. A field may list several
paths, and the first one that is there wins, so that one declaration serves every dialect of a
vendor. `null` counts as not there. XML answers become the same tree as JSON ones, so paths serve
both. A mistake in a declaration raises SpecError when the program starts.
"""

from exporter.spec.action import VALUE, Action, Drain, Option
from exporter.spec.family import (
    KEY,
    POLL_TIME,
    Difference,
    Family,
    Kind,
    Path,
    Paths,
    family_of,
)
from exporter.spec.fields import (
    Count,
    Counter,
    Each,
    Field,
    Gauge,
    Info,
    Item,
    Lines,
    Match,
    Merge,
    Part,
    Plain,
    States,
)
from exporter.spec.system import Endpoint, Format, Param, Refusal, System, check_shared

__all__ = [
    "KEY",
    "POLL_TIME",
    "VALUE",
    "Action",
    "Count",
    "Counter",
    "Difference",
    "Drain",
    "Each",
    "Endpoint",
    "Family",
    "Field",
    "Format",
    "Gauge",
    "Info",
    "Item",
    "Kind",
    "Lines",
    "Match",
    "Merge",
    "Option",
    "Param",
    "Part",
    "Path",
    "Paths",
    "Plain",
    "Refusal",
    "States",
    "System",
    "check_shared",
    "family_of",
]
