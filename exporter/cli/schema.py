"""`schema`: writes the shape of the configuration file, for an editor or for a reader."""

import json
from collections.abc import Iterable, Iterator

from exporter.cli.options import Arguments
from exporter.config.schema import Row, field_rows, json_schema, rows


def schema(arguments: Arguments) -> int:
    """Run the command."""
    if arguments.format == "json":
        print(json.dumps(json_schema(), indent=2))
    else:
        print("\n".join(markdown()))
    return 0


def markdown() -> Iterator[str]:
    """Yield the lines of the configuration reference."""
    yield from _table(row for row in rows() if not row.key.startswith("systems."))
    yield "\n### A system of your own\n"
    yield from _table(
        row for row in rows() if row.key.startswith("systems.") and ".fields[]." not in row.key
    )
    yield "\n### A field of it\n"
    for kind, own in field_rows().items():
        yield f"\n`{kind}`:\n"
        yield from _table(own)


def _table(found: Iterable[Row]) -> Iterator[str]:
    yield "| key | kind | default | meaning |\n| --- | --- | --- | --- |"
    for row in found:
        default = f"`{row.default}`" if row.default not in {"", "required"} else row.default
        yield f"| `{row.key}` | {row.kind} | {default} | {row.meaning} |"
