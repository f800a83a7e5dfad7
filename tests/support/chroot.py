"""A small Debian in a folder, and programs that run in it as in a container."""

import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.process import unused_port
from support.repository import ROOT
from support.tools import missing, tool

BASE = ROOT / ".tools" / "debian" / "base.tar"
"""Debian 12 with Python and systemd, made by .ci/install-tools."""


def debian_base() -> Path:
    """Return the archive, and skip the test where it cannot be used."""
    tool("unshare")
    if os.geteuid() != 0:
        missing("root, which mounts and changes the root")
    return BASE if BASE.exists() else missing("a Debian in .tools/debian")


def checked(*command: str | Path) -> str:
    """Run a command in the repository and return what it prints; a failure fails the test."""
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=400, cwd=ROOT
    )
    if done.returncode:
        pytest.fail(f"{command}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout.strip()


# Mounts end with the process, in whose namespace they are.
CONFINED = """
set -e
mount --bind "$1" "$1"
[ "$2" = none ] || mount --bind "$2" "$1/etc/status-exporter"
mount -t proc proc "$1/proc"
[ "$3" = writable ] || mount -o remount,ro,bind "$1"
root=$1 user=$4
shift 4
exec chroot --userspec="$user" --groups= "$root" /usr/bin/env -i "$@"
"""


@dataclass(frozen=True, kw_only=True)
class Chroot:
    """How programs run in a root: as which user, with which environment, and what they may write."""

    root: Path
    user: str = "0:0"
    environment: tuple[str, ...] = ("PATH=/usr/sbin:/usr/bin:/sbin:/bin",)
    config: Path | None = None
    """The folder that is /etc/status-exporter; default: that of the root."""
    writable: bool = False

    def start(self, *command: str | Path) -> "subprocess.Popen[str]":
        mode = "writable" if self.writable else "read-only"
        confined = ["unshare", "--mount", "sh", "-c", CONFINED, "sh", str(self.root)]
        return subprocess.Popen(
            [*confined, str(self.config or "none"), mode, self.user, *self.environment, *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *command: str | Path) -> tuple[int, str]:
        """Return the exit code and what was printed."""
        process = self.start(*command)
        printed, _ = process.communicate(timeout=300)
        return process.returncode, printed

    def checked(self, *command: str | Path) -> str:
        code, printed = self.run(*command)
        assert code == 0, printed
        return printed.strip()

    def serves(self, *program: str | Path) -> None:
        """Check that `serve` becomes healthy with the root's configuration, and ends on SIGTERM."""
        address = f"127.0.0.1:{unused_port()}"
        config = ("--config.file", "/etc/status-exporter/config.yaml")
        serving = self.start(*program, "serve", *config, "--web.listen-address", address)
        try:
            for _ in range(100):
                _, health = self.run(*program, "healthcheck", "--url", f"http://{address}")
                if health == "Healthy.\n" or serving.poll() is not None:
                    break
                time.sleep(0.2)
        finally:
            serving.terminate()
            log, _ = serving.communicate(timeout=60)
        assert health == "Healthy.\n", log
        # The program is the first process of its container, and ends on SIGTERM.
        assert serving.returncode == 0, log
