"""Where things are in exporter/: each package lists its modules, and each name occurs once."""

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

from support.repository import ROOT

PACKAGE = ROOT / "exporter"
PACKAGES = sorted(one.parent for one in PACKAGE.rglob("__init__.py"))
# A line of a list: `name  what it is`, or `- `name`: what it is`.
ENTRY = re.compile(r"^(?:- `(\w+)`:|(\w+)  +\S)", re.MULTILINE)


def modules_of(package: Path) -> list[str]:
    """Return the names of the modules and packages in a package."""
    modules = {one.stem for one in package.glob("*.py")} - {"__init__", "__main__"}
    return sorted(modules | {one.parent.name for one in package.glob("*/__init__.py")})


@pytest.mark.parametrize("package", PACKAGES, ids=lambda one: one.name)
def test_a_package_lists_each_of_its_modules_once(package: Path) -> None:
    text = ast.get_docstring(ast.parse((package / "__init__.py").read_text())) or ""
    listed = sorted(bulleted or plain for bulleted, plain in ENTRY.findall(text))

    assert listed == modules_of(package)


def test_no_file_name_occurs_twice() -> None:
    names = Counter(one.name for one in PACKAGE.rglob("*.py"))
    repeated = {name for name, count in names.items() if count > 1}

    assert repeated == {"__init__.py", "__main__.py"}
