"""The image: what it is built of, and how it runs."""

import json
import re
from pathlib import Path

from support.deployment_files import instructions, last
from support.manifests import parsed, port_of
from support.repository import ROOT


def test_the_image_starts_the_program_with_flags_that_it_has() -> None:
    program = ["python3", "-m", "exporter"]
    check = json.loads(last("HEALTHCHECK").partition("CMD ")[2])

    assert json.loads(last("ENTRYPOINT")) == program
    assert parsed(json.loads(last("CMD"))).config_file == Path("/etc/status-exporter/config.yaml")
    assert int(last("EXPOSE")) == port_of(json.loads(last("CMD")))
    assert check[:3] == program
    assert parsed(check[3:]).exporter_url.endswith(f":{last('EXPOSE')}")


def test_the_image_runs_as_a_user_that_has_a_number_and_is_not_root() -> None:
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", last("USER"))


def test_the_sources_of_the_image_are_in_its_build_context() -> None:
    let = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    copied = [rest.split()[0] for word, rest in instructions() if word == "COPY"]

    assert "*" in let
    assert {one for one in copied if not one.startswith("--from")} == {
        one.removeprefix("!") for one in let if one.startswith("!")
    }
