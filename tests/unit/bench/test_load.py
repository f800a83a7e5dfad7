"""The targets of a load: their answers, their addresses and the configuration of the exporter."""

import json
from functools import reduce
from pathlib import Path

import pytest
import trustme

from bench.answers import ANSWERS
from bench.load_profile import Load, Site
from exporter.config import load_file
from exporter.systems import SYSTEMS


@pytest.mark.parametrize("kind", ANSWERS)
def test_an_answer_changes_and_has_the_numbers_that_are_read(kind: str) -> None:
    answer = ANSWERS[kind]
    body, next_body = answer.body(1), answer.body(2)

    assert body != next_body
    for key in answer.keys:
        assert isinstance(
            reduce(lambda one, part: one[part], key.split("/"), json.loads(body)), int | float
        )


def test_the_text_of_freeswitch_changes_with_every_answer() -> None:
    texts = {json.loads(ANSWERS["webitel"].body(number))["freeSWITCH"] for number in range(1000)}

    assert len(texts) == 1000


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("kind", ANSWERS)
def test_the_exporter_accepts_the_configuration(kind: str, tls: bool, tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    config = tmp_path / "config.yaml"
    config.write_text(Load(3, 1.5, (kind,), tls).config(Site(1, 2, ca)))
    trustme.CA().cert_pem.write_to_path(ca)

    settings = load_file(config, SYSTEMS)

    assert [one.name for one in settings.targets] == ["target-0", "target-1", "target-2"]
    assert {one.system.name for one in settings.targets} == {ANSWERS[kind].system}
    assert {str(one.url).partition(":")[0] for one in settings.targets} == {
        "https" if tls else "http"
    }


@pytest.mark.parametrize(("sharing", "addresses"), [(1, 70_000), (4, 17_500)])
def test_targets_have_separate_addresses_unless_they_share_them(
    sharing: int, addresses: int
) -> None:
    urls = Load(70_000, 15.0, ("ucs",), sharing=sharing).urls(Site(1, 2, Path()))

    assert len(urls) == 70_000
    assert len(set(urls)) == addresses
