"""The result of a declaration for a saved answer, from the command that users run."""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from exporter.cli import main


@dataclass(frozen=True)
class Outcome:
    """The samples in order of their text, without the target's label; and the complaints."""

    samples: list[str]
    complaints: str


def check_sample(
    config: str,
    answer: str,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    *,
    system: str,
    suffix: str = "json",
) -> Outcome:
    """Run `check --sample` on a configuration's text and an answer's text."""
    config_file, answer_file = folder / "config.yaml", folder / f"answer.{suffix}"
    config_file.write_text(config, encoding="utf-8")
    answer_file.write_text(answer, encoding="utf-8")
    main(["check", str(config_file), "--sample", f"{system}={answer_file}"])
    printed = capsys.readouterr()
    lines = [line for line in printed.out.splitlines() if line and not line.startswith("#")]
    return Outcome(sorted(map(ordered, lines)), printed.err)


def ordered(line: str) -> str:
    """Return a sample with its labels in alphabetical order, without the label `target`."""
    name, labels, value = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line).groups()  # type: ignore[union-attr]
    pairs = sorted(re.findall(r'\w+="(?:[^"\\]|\\.)*"', labels or ""))
    kept = ",".join(pair for pair in pairs if not pair.startswith("target="))
    return f"{name}{{{kept}}} {value}" if kept else f"{name} {value}"
