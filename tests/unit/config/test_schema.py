"""The configuration's reference and its schema for editors are those of the code."""

import json
from typing import Any

import jsonschema
import pytest
import yaml

from exporter.cli.schema import markdown
from exporter.config.schema import json_schema, rows
from support.documents import yaml_blocks
from support.paths import ROOT

REFERENCE = ROOT / "docs" / "configuration.md"
SCHEMA = ROOT / "docs" / "config.schema.json"
START, END = "<!-- keys: written by `make docs` -->", "<!-- end of keys -->"


def test_the_reference_is_that_of_the_code(renew: bool) -> None:
    text = REFERENCE.read_text(encoding="utf-8")
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    expected = f"{before}{START}\n\n" + "\n".join(markdown()) + f"\n\n{END}{after}"
    if renew:
        REFERENCE.write_text(expected, encoding="utf-8")
        text = expected

    assert text == expected


def test_the_schema_is_that_of_the_code(renew: bool) -> None:
    expected = json.dumps(json_schema(), indent=2) + "\n"
    if renew:
        SCHEMA.write_text(expected, encoding="utf-8")

    assert SCHEMA.read_text(encoding="utf-8") == expected


def test_every_key_is_explained() -> None:
    assert [row.key for row in rows() if not row.meaning] == []


def complaints(data: Any) -> list[str]:
    validator = jsonschema.Draft202012Validator(json_schema())
    return [error.message for error in validator.iter_errors(data)]


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())


@pytest.mark.parametrize(
    "text",
    [
        (ROOT / "config.example.yaml").read_text(encoding="utf-8"),
        *(block for block in yaml_blocks() if "scrape_configs" not in block),
    ],
)
def test_what_documents_show_fits_the_schema(text: str) -> None:
    assert complaints(yaml.safe_load(text)) == []


@pytest.mark.parametrize(
    "text",
    [
        "targets: 7",
        "targts: []",
        "targets: [{name: a, system: webitel, url: http://h, intervall: 1s}]",
        "targets: [{name: a, system: webitel, url: http://h, interval: 15}]",
        "targets: [{name: a, system: webitel, url: http://h, interval: quarter}]",
        "targets: [{name: a, system: webitel}]",
        "clients: {a: {basic_auth: {username: [u]}}}",
        "clients: {a: {oauth2: {}}}",
        "systems: {a: {endpoints: []}}",
        "systems: {a: {endpoints: [{path: /, fields: [{gauge: a_b, path: b}]}]}}",
        "systems: {a: {endpoints: [{path: /, fields: [{gauge: a_b, path: /b, read: nmber}]}]}}",
        "systems: {a: {endpoints: [{path: /, fields: [{gage: a_b, path: /b}]}]}}",
    ],
)
def test_the_schema_complains_of_what_cannot_be(text: str) -> None:
    assert complaints(yaml.safe_load(text))
