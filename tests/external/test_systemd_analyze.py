"""systemd's own judgement of the units."""

import os
import subprocess
import sys
from pathlib import Path

from support.deployment_files import MOST_EXPOSED, SERVICE, SOCKET
from support.tools import tool


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    # The colours and pager of systemd's output are irrelevant.
    environment = {**os.environ, "SYSTEMD_PAGER": "cat", "SYSTEMD_LOG_COLOR": "0"}
    return subprocess.run(
        [tool("systemd-analyze"), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=environment,
    )


def test_systemd_finds_no_fault_with_the_units(tmp_path: Path) -> None:
    for unit in (SERVICE, SOCKET):
        text = unit.read_text(encoding="utf-8")
        # The program is not installed here, so Python replaces it.
        text = text.replace("/opt/status-exporter/bin/status-exporter", sys.executable)
        (tmp_path / unit.name).write_text(text, encoding="utf-8")

    done = analyze("verify", "--man=no", tmp_path / SERVICE.name, tmp_path / SOCKET.name)

    assert (done.returncode, done.stderr) == (0, "")


def test_the_service_is_confined() -> None:
    done = analyze("security", "--offline=true", f"--threshold={MOST_EXPOSED}", SERVICE)

    assert done.returncode == 0, done.stdout
