"""json_exporter's metrics as fields of an endpoint, with a comment where they differ."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from exporter.convert.commented_yaml import Comment
from exporter.convert.jsonpath import (
    MULTIPLE,
    Constant,
    FilterStep,
    JsonPathError,
    Step,
    Steps,
    Template,
    Wildcard,
    all_of,
    as_pointer,
    as_query,
    filter_query,
    first_of,
    is_multiple,
    literal,
    parse_template,
)
from exporter.declare.family import Kind, open_metrics_name

Fields = list[Any]
"""Fields as plain data, with comments between them."""


@dataclass(frozen=True, kw_only=True)
class ModuleMetric:
    """One entry of a module's `metrics`."""

    name: str
    path: str
    type: Literal["value", "object"] = "value"
    value_type: Literal["gauge", "counter", "untyped"] = "untyped"
    help: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    values: dict[str, str] = field(default_factory=dict)
    """Of an object: the ends of the metrics' names with the templates of their values."""
    timestamp: str = ""
    unknown: tuple[str, ...] = ()
    """Keys that json_exporter ignores."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its metrics."""
        if self.type == "object":
            return tuple(f"{self.name}_{value}" for value in self.values)
        return (self.name,)


# The reserved labels of exporter.declare.family, and `target`.
_RESERVED_LABELS = frozenset({"target", "system", "job", "instance", "le", "quantile", "reason"})
RESERVED_PREFIXES = frozenset({"process", "python", "scrape"})
"""First words that metrics of a system cannot begin with."""

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?", re.ASCII)


def snake_case(name: str) -> str:
    """Return a name of small letters, digits and single underscores."""
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    name = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    return name if name[:1].isalpha() else f"x_{name}".rstrip("_")


def common_prefix(names: Iterable[str], system: str) -> str:
    """Return the first word that all names share, or else the system's name."""
    split = [snake_case(name).split("_") for name in names]
    firsts = {words[0] for words in split}
    if len(firsts) != 1 or any(len(words) < 2 for words in split):  # noqa: PLR2004 - word and rest
        return system
    first = firsts.pop()
    return system if first in RESERVED_PREFIXES else first


def convert_metric(metric: ModuleMetric, prefix: str) -> Fields:
    """Return the fields of one metric; only comments if it cannot be expressed."""
    notes = [Comment(f"{metric.name}: json_exporter ignores {key}.") for key in metric.unknown]
    if metric.timestamp:
        notes.append(
            Comment(
                f"{metric.name}: epochTimestamp {metric.timestamp} has no counterpart: a sample with"
                " its own time is never marked stale."
            )
        )
    try:
        labels, renamed = _labels(metric.labels)
        template = parse_template(metric.path)
        if metric.type == "object":
            fields = _object(metric, _single(template), labels, prefix)
        else:
            fields = _metric(metric, metric.name, _value(template), labels, prefix)
    except JsonPathError as error:
        return [*notes, Comment(f"{metric.name}: not converted: {metric.path}: {error}.")]
    notes += [
        Comment(f"{metric.name}: the label {old} is now {new}.") for old, new in renamed.items()
    ]
    return [*notes, *fields]


def _single(template: Template) -> Steps:
    """Return the one path of a template."""
    match template:
        case (tuple() as steps,):
            return steps
        case ():
            raise JsonPathError("there is no path")
        case _:
            raise JsonPathError("text around a path, or several paths, is no path")


def _object(metric: ModuleMetric, steps: Steps, labels: dict[str, Any], prefix: str) -> Fields:
    inner: Fields = []
    # An info has its own labels; all other fields have the labels of the group.
    own = labels if "info" in {kind for kind, *_ in declarations([metric], prefix).values()} else {}
    kinds: dict[str, Kind] = {}
    for end, template in metric.values.items():
        name = f"{metric.name}_{end}"
        kind, new = _kind_and_name(metric, name, _constant(template), prefix)
        if kinds.setdefault(open_metrics_name(new, kind), kind) != kind:
            inner.append(Comment(f"{name}: not converted: it is declared before, in another way."))
            continue
        try:
            where = _value(parse_template(template))
        except JsonPathError as error:
            inner.append(Comment(f"{name}: not converted: {template}: {error}."))
        else:
            inner += _metric(metric, name, where, own, prefix)
    if not any(isinstance(one, dict) for one in inner):
        return inner
    return [_group(steps, {} if own else labels, inner)]


def _group(steps: Steps, labels: dict[str, Any], fields: Fields) -> dict[Any, Any]:
    """Put the fields into the groups that select their item."""
    groups = list(_groups(steps)) or [{"within": ""}]
    if labels:
        groups[-1]["labels"] = labels
    made: Fields = fields
    for group in reversed(groups):
        made = [{**group, "fields": made}]
    outermost: dict[Any, Any] = made[0]
    return outermost


def _groups(steps: Steps) -> Iterator[dict[str, Any]]:
    rest: tuple[Step, ...] = ()
    for step in steps:
        pointer = as_pointer(rest)
        if not isinstance(step, MULTIPLE):
            rest = (*rest, step)
            continue
        if isinstance(step, FilterStep):
            yield {"each": pointer, "where": _condition(step)}
        elif isinstance(step, Wildcard):
            yield {"each": pointer}
        else:
            yield {"each": {"query": as_query((*rest, step))}}
        rest = ()
    if rest:
        yield {"within": as_pointer(rest)}


_WORDS = {"==": "is", "!=": "not", ">": "above", "<": "below"}


def _condition(one: FilterStep) -> dict[str, Any]:
    """Return the `where` of a filter."""
    pointer = as_pointer(one.left)
    place = {"query": as_query(one.left)} if pointer is None else {"path": pointer}
    if one.operator == "exists":
        return {**place, "exists": True}
    value = one.right.value if isinstance(one.right, Constant) else None
    if isinstance(value, str) and one.operator in {"<", "<=", ">", ">="}:
        raise JsonPathError("texts cannot be compared by their order")
    if value is None or one.operator not in _WORDS:
        return {"query": filter_query(one), "is": True}
    return {**place, _WORDS[one.operator]: value}


def _constant(text: str) -> dict[str, Any]:
    """Return a query for a literal; none if the text is no number or truth value."""
    text = {"true": "1", "false": "0"}.get(text.strip(), text.strip())
    return {"query": f"`{text}`"} if _NUMBER.fullmatch(text) else {}


def _value(template: Template) -> dict[str, Any]:
    """Return where a value is; a constant is a query for a literal."""
    if template and all(isinstance(part, str) for part in template):
        found = _constant("".join(map(str, template)))
        if not found:
            raise JsonPathError("it is not a number")
        return found
    steps = _single(template)
    pointer = as_pointer(steps)
    return {"query": first_of(steps)} if pointer is None else {"path": pointer}


def _metric(
    metric: ModuleMetric, name: str, where: dict[str, Any], labels: dict[str, Any], prefix: str
) -> Fields:
    kind, new = _kind_and_name(metric, name, where, prefix)
    notes = []
    if new != name:
        why = "" if kind != "counter" or name.endswith("_total") else " A counter ends in _total."
        notes = [Comment(f"{name} is now {new}.{why}")]
    elif kind == "counter" and metric.value_type == "untyped":
        notes = [Comment(f"{name} was untyped; a name that ends in _total is a counter.")]
    one: dict[str, Any] = {kind: new}
    if kind != "info":
        one |= where
    if labels:
        one["labels"] = labels
    if metric.help.strip():
        one["help"] = re.sub(r"\s+", " ", metric.help).strip()
    return [*notes, one]


def _kind_and_name(
    metric: ModuleMetric, name: str, where: dict[str, Any], prefix: str
) -> tuple[Kind, str]:
    """Return the kind of a field and the metric's name by this exporter's rules."""
    new = snake_case(name)
    if not new.startswith(f"{prefix}_"):
        new = f"{prefix}_{new}"
    if metric.value_type == "counter":
        return "counter", new if new.endswith("_total") else f"{new}_total"
    if new.endswith("_total") and metric.value_type == "untyped":
        return "counter", new
    if new.endswith("_info") and where == {"query": "`1`"} and metric.labels:
        return "info", new
    rest = re.sub(r"(?:_(?:total|info|created))+$", "", new.removeprefix(f"{prefix}_"))
    return "gauge", f"{prefix}_{rest}{'_value' if rest in {'total', 'info', 'created'} else ''}"


Declared = dict[str, tuple[str, frozenset[str], str]]
"""Metrics by their names in OpenMetrics, with what all fields of a metric must agree on.

That is the kind, the labels and the help.
"""


def declarations(metrics: Iterable[ModuleMetric], prefix: str) -> Declared:
    """Return the metrics of a module."""
    found: Declared = {}
    for metric in metrics:
        values = metric.values if metric.type == "object" else {"": metric.path}
        for name, value in zip(metric.names, values.values(), strict=True):
            kind, new = _kind_and_name(metric, name, _constant(value), prefix)
            one = (kind, frozenset(metric.labels), metric.help)
            found.setdefault(open_metrics_name(new, kind), one)
    return found


def differs(own: Declared, known: Declared) -> bool:
    """Return whether one of these metrics is declared differently already."""
    return any(known.get(name, one) != one for name, one in own.items())


def _labels(given: dict[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the rules of the labels, and the names that had to change."""
    rules: dict[str, Any] = {}
    renamed = {}
    for name, template in given.items():
        new = snake_case(name)
        if new in _RESERVED_LABELS:
            new = f"exported_{new}"
        while new in rules:
            new = f"{new}_2"
        if new != name:
            renamed[name] = new
        rule = _label(parse_template(template))
        if rule != "":
            rules[new] = rule
    return rules, renamed


def _label(template: Template) -> Any:
    """Return the rule of a label; empty if json_exporter exports none."""
    if all(isinstance(part, str) for part in template):
        text = "".join(map(str, template))
        # Text that begins with / or @ would be a path, and braces would insert a value.
        return text if re.fullmatch(r"[^/@{}][^{}]*|", text) else {"query": literal(text)}
    if len(template) == 1 and isinstance(template[0], tuple):
        return _label_path(template[0])
    texts = [part if isinstance(part, str) else as_pointer(part) or "" for part in template]
    if all(texts) and not re.search(r"[{}]", "".join(texts)) and not texts[0].startswith("@"):
        pairs = zip(template, texts, strict=True)
        inserted = "".join(text if isinstance(part, str) else f"{{{text}}}" for part, text in pairs)
        if not inserted.startswith("/"):
            return inserted
    parts = [literal(part) if isinstance(part, str) else all_of(part) for part in template]
    return {"query": f"join('', [{', '.join(parts)}])"}


def _label_path(steps: Steps) -> Any:
    pointer = as_pointer(steps)
    if pointer is None:
        return {"query": all_of(steps) if is_multiple(steps) else as_query(steps)}
    # An empty text would be no path.
    return pointer or {"path": ""}
