"""The rule for commit messages, as the commit-msg hook applies it."""

import subprocess
import sys
from pathlib import Path

import pytest

from support.repository import ROOT

SCRIPT = ROOT / ".ci" / "commit_message.py"
BODY = "\n\nA look-up failed for good where a thread could not be started.\n"


def check(message: str, folder: Path) -> str:
    """Return what the hook reports, or an empty text where it accepts the message."""
    file = folder / "COMMIT_EDITMSG"
    file.write_text(message, encoding="utf-8")
    command = [sys.executable, str(SCRIPT), str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == (1 if done.stderr else 0)
    return done.stderr


@pytest.mark.parametrize(
    "subject",
    [
        "Retry DNS look-ups after a failed thread start",
        "Process answers of 1 MiB",
        "Bring back the socket unit",
        "Focus the search field",
        "Re-read the token file",
        "A" * 72,
    ],
)
def test_a_verb_a_blank_line_and_a_body_are_accepted(subject: str, tmp_path: Path) -> None:
    assert check(subject + BODY, tmp_path) == ""


@pytest.mark.parametrize(
    ("subject", "fault"),
    [
        ("A" * 73, "73 characters"),
        ("Retry DNS look-ups.", "ends with a period"),
        ("Retry look-ups; bound searches", "semicolon"),
        ("Added retries", "begins with 'Added': use the imperative"),
        ("Adding retries", "begins with 'Adding': use the imperative"),
        ("Fixes retries", "begins with 'Fixes': use the imperative"),
        ("The look-up is retried", "begins with 'The': begin with a verb"),
        ("dns: retry", "begins with 'dns:': begin with a verb"),
    ],
)
def test_a_subject_that_breaks_the_rule_is_rejected(
    subject: str, fault: str, tmp_path: Path
) -> None:
    assert fault in check(subject + BODY, tmp_path)


@pytest.mark.parametrize(
    ("message", "fault"),
    [
        ("", "empty"),
        ("# Please enter the commit message\n", "empty"),
        ("Retry look-ups\n", "no body"),
        ("Retry look-ups\n\n# A comment of git\n", "no body"),
        ("Retry look-ups\n\nSigned-off-by: Ada <ada@example.org>\n", "no body"),
        (f"Retry look-ups\n\n# {'-' * 24} >8 {'-' * 24}\n+ a line of the diff\n", "no body"),
        ("Retry look-ups\nbecause they fail\n", "second line is not empty"),
    ],
)
def test_a_message_without_a_separate_body_is_rejected(
    message: str, fault: str, tmp_path: Path
) -> None:
    assert fault in check(message, tmp_path)


@pytest.mark.parametrize("subject", ["Merge branch 'main'", "fixup! Retry", 'Revert "Retry"'])
def test_messages_that_git_writes_are_accepted(subject: str, tmp_path: Path) -> None:
    assert check(f"{subject}\n", tmp_path) == ""
