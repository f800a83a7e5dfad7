"""requirements-dev.lock has everything that its packages require: pip adds nothing to it."""

import subprocess
import sys


def test_nothing_is_missing_or_of_a_wrong_version() -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (done.stdout, done.returncode) == ("No broken requirements found.\n", 0)
