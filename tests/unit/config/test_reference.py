"""The configuration's reference and its schema for editors are those of the code."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import jsonschema
import pytest
import yaml

from exporter.cli.schema_command import file_keys, language
from exporter.config.reference import common_rows, field_kinds, json_schema, rows
from support.documents import PAGES, yaml_blocks
from support.repository import ROOT

SCHEMA = ROOT / "docs" / "config.schema.json"


@pytest.mark.parametrize(
    ("page", "mark", "written"),
    [("configuration.md", "keys", file_keys), ("custom-systems.md", "language", language)],
)
def test_the_reference_is_that_of_the_code(
    page: str, mark: str, written: Callable[[], Iterator[str]], renew: bool
) -> None:
    path = ROOT / "docs" / page
    start, end = f"<!-- {mark}: written by `make docs` -->", f"<!-- end of {mark} -->"
    text = path.read_text(encoding="utf-8")
    before, _, rest = text.partition(start)
    _, _, after = rest.partition(end)
    expected = f"{before}{start}\n\n" + "\n".join(written()) + f"\n\n{end}{after}"
    if renew:
        path.write_text(expected, encoding="utf-8")
        text = expected

    assert text == expected


def test_the_schema_is_that_of_the_code(renew: bool) -> None:
    expected = json.dumps(json_schema(), indent=2) + "\n"
    if renew:
        SCHEMA.write_text(expected, encoding="utf-8")

    assert SCHEMA.read_text(encoding="utf-8") == expected


def test_every_key_is_explained() -> None:
    found = [*rows(), *common_rows(), *(row for kind in field_kinds() for row in kind.rows)]

    assert [row.key for row in found if not row.meaning] == []
    assert [kind.key for kind in field_kinds() if not kind.meaning] == []


CONFIGURATIONS = (
    ROOT / "config.example.yaml",
    ROOT / "deploy" / "compose" / "config.yaml",
    *sorted((ROOT / "exporter" / "systems").glob("*.yaml")),
)


def complaints(data: Any) -> list[str]:
    validator = jsonschema.Draft202012Validator(json_schema())
    return [error.message for error in validator.iter_errors(data)]


def test_the_schema_is_valid_json_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())


@pytest.mark.parametrize(
    "text",
    [
        *(one.read_text(encoding="utf-8") for one in CONFIGURATIONS),
        *(
            block
            for page in PAGES
            for block in yaml_blocks(page)
            if re.search(r"^(global|systems|clients|discovery|targets):", block, re.MULTILINE)
        ),
    ],
)
def test_configurations_in_documents_match_the_schema(text: str) -> None:
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
        *(
            f"systems: {{a: {{endpoints: [{{path: /, fields: [{{{field}}}]}}]}}}}"
            for field in (
                "gauge: a_b, path: /b, where: {pth: /c, is: 1}",
                "gauge: a_b, path: /b, where: [{path: /c, iss: 1}]",
                "gauge: a_b, path: {of: /b, les: /c}",
                "gauge: a_b, path: /b, read: {time: seconds, zon: UTC}",
                "gauge: a_b, path: /b, labels: {c: {pth: /c}}",
                "gauge: a_b, path: /b, labels: {c: {path: /c, read: uper_case}}",
                "gauge: a_b, path: /b, when: {c: [1]}",
                "each: {qury: b}, fields: [{count: a_b}]",
                "each: /b, most: 4, fields: [{count: a_b}]",
                "each: /b, fields: [{cuont: a_b}]",
                "states: a_b, path: /b, codes: {0: [stopped]}",
            )
        ),
        *(
            f"systems: {{a: {{login: {{{login}}}, endpoints: "
            "[{path: /, fields: [{gauge: a_b, path: /b}]}]}}"
            for login in (
                "request: {path: /login}, token: {cokie: s}",
                "request: {pth: /login}, token: /token",
                "request: {path: /login}, token: /token, expires: {path: /e, read: tme}",
            )
        ),
    ],
)
def test_the_schema_rejects_invalid_values(text: str) -> None:
    assert complaints(yaml.safe_load(text))
