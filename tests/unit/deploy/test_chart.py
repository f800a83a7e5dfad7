"""The chart, as far as it can be read without helm."""

import re
import tomllib
from typing import Any

import jsonschema
import pytest

from exporter import __version__
from support.manifests import (
    CHART,
    documents,
    flags,
    paths,
    schema,
)
from support.repository import DEPLOY, ROOT


@pytest.mark.parametrize("name", ["values.yaml", "ci/all.yaml", "ci/nodes.yaml", "ci/probe.yaml"])
def test_the_values_keep_to_their_schema(name: str) -> None:
    (values,) = documents(CHART / name)

    jsonschema.validate(values, schema())


def test_the_schema_knows_the_values_and_nothing_else() -> None:
    (values,) = documents(CHART / "values.yaml")
    known = schema()["properties"]

    # A parent chart's condition, which helm hands on.
    assert known.keys() == values.keys() | {"enabled"}
    for key, one in known.items():
        if "properties" in one:
            assert one["properties"].keys() == values[key].keys()


def templates() -> str:
    return "\n".join(
        path.read_text(encoding="utf-8")
        for path in sorted((CHART / "templates").rglob("*"))
        if path.is_file()
    )


def test_templates_use_only_existing_values() -> None:
    (values,) = documents(CHART / "values.yaml")
    used = re.findall(r"\.Values((?:\.\w+)+)", templates())

    assert len(used) > 50
    for path in used:
        at: Any = values
        for key in path.split(".")[1:]:
            assert key in at, path
            at = at[key]


def test_flags_and_paths_in_templates_are_those_of_the_program() -> None:
    text = templates()
    used = re.findall(r"^ +- (--[a-z.-]+)(?:=|$)", text, re.MULTILINE)
    known = {flag for one in flags() for flag in one.option_strings}

    assert {"--config.file", "--config.enable-auto-reload", "--shard", "--url"} <= set(used)
    assert set(used) <= known
    for path in re.findall(r'"(/-/\w+)"', text):
        assert path in paths()
    assert "containerPort: 10125" in text


def test_the_chart_is_of_this_version() -> None:
    (chart,) = documents(CHART / "Chart.yaml")
    tags = [
        one["newTag"]
        for folder in ("base", "sidecar")
        for one in documents(DEPLOY / "kubernetes" / folder / "kustomization.yaml")[0]["images"]
    ]

    assert {chart["version"], chart["appVersion"], *tags} == {__version__}


def test_the_chart_names_its_project() -> None:
    (chart,) = documents(CHART / "Chart.yaml")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert chart["home"] == project["urls"]["Homepage"]
    assert chart["sources"] == [chart["home"]]
    assert [one["name"] for one in chart["maintainers"]] == ["status-exporter maintainers"]
