"""Write the dashboards, or with `--grafana.com FOLDER` their format for grafana.com."""

import argparse
import json
import sys
from pathlib import Path

from grafana.source import BOARDS
from grafana.source.catalogue import with_inputs
from grafana.source.classic import build, text_of
from grafana.source.dashboard_page import page
from grafana.source.listings import LISTINGS, listing

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "grafana" / "dashboards"
PAGE = ROOT / "docs" / "dashboards.md"


def main() -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m grafana.source", description=__doc__)
    parser.add_argument("--grafana.com", dest="catalogue", type=Path, metavar="FOLDER")
    options = parser.parse_args()
    if options.catalogue:
        options.catalogue.mkdir(parents=True, exist_ok=True)
        for board in BOARDS:
            text = json.dumps(with_inputs(build(board)), indent=2, ensure_ascii=False)
            (options.catalogue / f"{board.name}.json").write_text(f"{text}\n", encoding="utf-8")
        return 0
    for board in BOARDS:
        (FOLDER / f"{board.name}.json").write_text(text_of(board), encoding="utf-8")
    PAGE.write_text(page(BOARDS), encoding="utf-8")
    for path in LISTINGS:
        path.write_text(listing(path, BOARDS), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
