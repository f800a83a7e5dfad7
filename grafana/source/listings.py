"""All boards -> the files that list each dashboard, because their tools cannot read a folder."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from grafana.source.words import Board

_ROOT = Path(__file__).parent.parent.parent
LISTINGS: Mapping[Path, str] = MappingProxyType(
    {
        _ROOT / "grafana" / "kustomization.yaml": (
            "  - {{name: status-exporter-dashboard-{slug}, files: [dashboards/{name}.json]}}\n"
        ),
        _ROOT / "deploy" / "mixin" / "mixin.libsonnet": (
            "    '{name}.json': import '../../grafana/dashboards/{name}.json',\n"
        ),
    }
)
"""The line for a dashboard in each file."""


def listing(path: Path, boards: Sequence[Board]) -> str:
    """Return the text of a file of LISTINGS with exactly one line for each board, in order."""
    form = LISTINGS[path]
    line = re.escape(form.format(name="NAME", slug="NAME")).replace("NAME", r"[\w-]+")
    names = sorted(board.name for board in boards)
    lines = "".join(form.format(name=name, slug=name.replace("_", "-")) for name in names)
    before, after = re.split(f"(?:{line})+", path.read_text(encoding="utf-8"))
    return f"{before}{lines}{after}"
