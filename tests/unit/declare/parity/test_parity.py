"""What json_exporter and telegraf can express, declared here, gives the same samples."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.convert.json_exporter import convert
from support.samples import check_sample, ordered

HERE = Path(__file__).parent


def cases(name: str) -> list[Any]:
    found = yaml.safe_load((HERE / f"{name}.yaml").read_text(encoding="utf-8"))
    return [pytest.param(one, id=f"{name}: {one['case']}") for one in found]


def answer_of(case: dict[str, Any]) -> str:
    answer = case["answer"]
    return answer if isinstance(answer, str) else json.dumps(answer)


def expected(case: dict[str, Any]) -> list[str]:
    return sorted(map(ordered, case["samples"].splitlines()))


@pytest.mark.parametrize("case", [*cases("json_exporter"), *cases("telegraf")])
def test_a_declaration_gives_the_samples_of_the_peer(
    case: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    endpoint = {"path": "/", **case.get("endpoint", {}), "fields": case["fields"]}
    config = yaml.safe_dump({"systems": {"quay": {"endpoints": [endpoint]}}})
    suffix = case.get("suffix", "json")

    outcome = check_sample(config, answer_of(case), tmp_path, capsys, system="quay", suffix=suffix)

    assert outcome.samples == expected(case), outcome.complaints
    for fault in case.get("faults", ()):
        assert fault in outcome.complaints


@pytest.mark.parametrize(
    "case", [one for one in cases("json_exporter") if "module" in one.values[0]]
)
def test_a_converted_module_gives_the_same_samples(
    case: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = convert(yaml.safe_dump({"modules": {"quay": case["module"]}}), "modules.yml")

    outcome = check_sample(config, answer_of(case), tmp_path, capsys, system="quay")

    assert outcome.samples == expected(case), outcome.complaints + config
