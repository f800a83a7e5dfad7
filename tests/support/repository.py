"""Where the repository and the data of the tests are."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
DATA = ROOT / "tests" / "data"
