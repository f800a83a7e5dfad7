"""Draw the dashboards: `python -m grafana.preview [--folder FOLDER]`; needs node and chromium.

Without a folder it writes the pictures in docs/, of the upper part of each dashboard. With one it
writes whole dashboards there, in light and dark, narrow and wide.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from bench.machine import ROOT
from bench.panel_queries import Prometheus, sent, step_of
from grafana.source import BOARDS
from grafana.source.classic import build

HERE = Path(__file__).parent
TOOLS = ROOT / ".tools" / "preview"
HOURS = 6
TARGETS = 1024
_NARROW, _WIDE = 1366, 1920
_UPPER, _TALLEST = 1000, 5000
# Milliseconds in which the page has drawn everything.
_SETTLED = 4000
_PAGE = """<!doctype html><meta charset="utf-8"><div id="dashboard"></div>
<link rel="stylesheet" href="preview.css"><script src="data.js"></script><script src="preview.js"></script>
"""


def main() -> int:
    """Run the command and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m grafana.preview", description=__doc__)
    parser.add_argument("--folder", type=Path, help="where whole dashboards are written")
    parser.add_argument("--targets", type=int, default=TARGETS)
    parser.add_argument("--only", default="", help="the name of one dashboard")
    given = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if not (shutil.which("npm") and chromium):
        sys.stderr.write("grafana.preview: npm and chromium are needed; no dashboard was drawn\n")
        return 0
    if given.folder:
        given.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="preview-") as work, sync_playwright() as playwright:
        folder = Path(work)
        _bundle(folder)
        data = _answers(folder, given.targets)
        browser = playwright.chromium.launch(executable_path=chromium)
        for name, preview in data.items():
            if given.only not in {"", name}:
                continue
            if not given.folder:
                path = ROOT / "docs" / f"dashboard-{name}.png"
                _draw(browser, folder, preview, path, width=_NARROW, height=_UPPER)
                continue
            for width in (_NARROW, _WIDE):
                for dark in (False, True):
                    path = given.folder / f"{name}-{width}-{'dark' if dark else 'light'}.png"
                    _draw(browser, folder, {**preview, "dark": dark}, path, width=width)
        browser.close()
    return 0


def _bundle(work: Path) -> None:
    """Install the locked packages, in .tools, and join the page with them."""
    TOOLS.mkdir(parents=True, exist_ok=True)
    lock = "package-lock.json"
    installed = TOOLS / "node_modules" / lock
    if not (installed.exists() and installed.read_bytes() == (HERE / lock).read_bytes()):
        shutil.copy(HERE / "package.json", TOOLS)
        shutil.copy(HERE / lock, TOOLS)
        install = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        subprocess.run(install, cwd=TOOLS, check=True)
        shutil.copy(HERE / lock, installed)
    (work / "index.html").write_text(_PAGE, encoding="utf-8")
    command = [
        *(str(TOOLS / "node_modules" / ".bin" / "esbuild"), str(HERE / "preview.jsx"), "--bundle"),
        *(f"--outfile={work / 'preview.js'}", "--loader:.svg=text", "--loader:.ttf=empty"),
        *('--define:process.env.NODE_ENV="production"', "--minify", "--log-level=error"),
    ]
    environment = {**os.environ, "NODE_PATH": str(TOOLS / "node_modules")}
    subprocess.run(command, env=environment, check=True)


def _answers(work: Path, targets: int) -> dict[str, dict[str, Any]]:
    """Fill a Prometheus and return, by dashboard, what the page needs to draw it."""
    found = {}
    with Prometheus(work / "prometheus") as server:
        server.fill(targets, HOURS * 3600)
        for board in BOARDS:
            dashboard = build(board)
            answers = {
                panel["id"]: {
                    target["refId"]: sent(server, target, step_of(panel, HOURS), HOURS)
                    for target in panel["targets"]
                }
                for panel in dashboard["panels"]
                if panel["type"] != "row"
            }
            found[board.name] = {
                "dashboard": dashboard,
                "answers": answers,
                "from": (server.end - HOURS * 3600) * 1000,
                "to": server.end * 1000,
                "step": 60,
                "dark": False,
            }
    return found


def _draw(
    browser: Browser,
    work: Path,
    preview: dict[str, Any],
    path: Path,
    *,
    width: int,
    height: int = 0,
) -> None:
    """Take the picture of a dashboard; without a height, of the whole of it."""
    (work / "data.js").write_text(f"window.preview = {json.dumps(preview)}", encoding="utf-8")
    # Tables draw no rows outside of the window.
    page = browser.new_page(viewport={"width": width, "height": height or _TALLEST})
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto((work / "index.html").as_uri())
    page.wait_for_timeout(_SETTLED)
    if errors:
        sys.stderr.write(f"{path.name}: {errors[0]}\n")
    if height:
        page.screenshot(path=path)
    else:
        page.locator("#dashboard").screenshot(path=path)
    page.close()


if __name__ == "__main__":
    sys.exit(main())
