"""`schema`: prints the schema of the configuration file, as JSON Schema or as tables."""

import json
from collections.abc import Iterable, Iterator, Mapping

from exporter.cli.options import Arguments
from exporter.config.reference import ReferenceRow, common_rows, field_kinds, json_schema, rows
from exporter.declare.conditions import Condition
from exporter.declare.labels import LabelMapping
from exporter.declare.readings import NUMBER_READINGS, TEXT_READINGS

_SYSTEM = "systems.NAME."


def run(arguments: Arguments) -> int:
    """Run the command."""
    if arguments.format == "json":
        print(json.dumps(json_schema(), indent=2))
    else:
        print("\n".join((*file_keys(), "", *language())))
    return 0


def file_keys() -> Iterator[str]:
    """Yield a table of the keys of the configuration file, without those of a system."""
    yield from _keys(row for row in rows() if not row.key.startswith(_SYSTEM))


def language() -> Iterator[str]:
    """Yield the reference of the declaration language: its keys and readings."""
    yield "### Keys of a system\n"
    yield from _keys((row for row in rows() if row.key.startswith(_SYSTEM)), _SYSTEM)
    yield "\n### Kinds of fields\n"
    kinds = tuple(field_kinds())
    yield from _table(("kind", "meaning"), ((f"`{one.key}`", one.meaning) for one in kinds))
    yield "\n### Keys of every field\n"
    yield "`help` is for metrics; of the groups, `within` and `lines` have it for their `present`.\n"
    yield from _keys(common_rows())
    for one in kinds:
        yield f"\n### Keys of `{one.key}`\n"
        yield from _keys(one.rows)
    yield "\n### Keys of a condition\n"
    yield from _keys(rows(Condition))
    yield "\n### Keys of a label\n"
    yield from _keys(rows(LabelMapping))
    yield "\n### Readings of numbers\n"
    yield from _readings(NUMBER_READINGS)
    yield "\n### Readings of labels\n"
    yield from _readings(TEXT_READINGS)


def _readings(found: Mapping[str, str]) -> Iterator[str]:
    yield from _table(("`read`", "meaning"), ((f"`{name}`", text) for name, text in found.items()))


def _keys(found: Iterable[ReferenceRow], place: str = "") -> Iterator[str]:
    yield from _table(
        ("key", "kind", "default", "meaning"),
        (
            (
                f"`{row.key.removeprefix(place)}`",
                row.kind,
                f"`{row.default}`" if row.default not in {"", "required"} else row.default,
                row.meaning,
            )
            for row in found
        ),
    )


def _table(titles: tuple[str, ...], lines: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(titles)} |"
    yield f"|{' --- |' * len(titles)}"
    for line in lines:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |"
