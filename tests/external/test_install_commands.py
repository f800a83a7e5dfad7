"""The commands of the page about installing are run."""

import shlex
import subprocess
import sys
from pathlib import Path

from support.deployment_files import SERVICE, settings
from support.documents import SHOWN, commands, install_yaml
from support.manifests import CHART, helm
from support.repository import ROOT
from support.tools import missing


def test_the_commands_for_a_virtual_environment_work(tmp_path: Path) -> None:
    home = "/opt/status-exporter"
    lines = [line for line in SHOWN if home in line and not line.startswith("cp ")]
    where = str(tmp_path / "installed")
    made, locked, itself = (shlex.split(line.replace(home, where)) for line in lines)

    assert made[0] == "python3"
    subprocess.run([sys.executable, *made[1:]], check=True, timeout=120)
    if subprocess.run([*locked, "--quiet"], check=False, timeout=400, cwd=ROOT).returncode:
        missing("the network, from which packages come")
    # Not in the sources, where a build would leave something behind.
    assert itself[-1] == "."
    done = subprocess.run(
        [*itself[:-1], "--quiet", str(ROOT)], capture_output=True, check=False, timeout=400
    )
    assert done.returncode == 0, done.stderr
    (started,) = {one.split()[0] for one in settings(SERVICE)["ExecStart"]}
    version = subprocess.run(
        [started.replace(home, where), "--version"], check=True, timeout=60, capture_output=True
    )
    assert version.stdout.startswith(b"status-exporter ")


def test_documented_helm_commands_are_valid(tmp_path: Path) -> None:
    (words,) = [words for words in commands("helm") if words[1] == "install"]
    (tmp_path / "values.yaml").write_text(install_yaml()[1], encoding="utf-8")

    assert ROOT / words[3] == CHART
    values = str(tmp_path / "values.yaml")
    given = [values if word == "values.yaml" else word for word in words[4:]]
    done = helm("template", words[2], CHART, "--kube-version=1.33", *given)
    assert done.returncode == 0, done.stderr
