"""The tables of docs/faults.md that show what the hostile suite tries."""

import re

import pytest

from support.repository import ROOT
from support.siege_catalog import CATALOG, HOSTILE, ROWS, table, tried_faults

DOCUMENT = ROOT / "docs" / "faults.md"


@pytest.mark.parametrize("group", CATALOG)
def test_the_table_is_that_of_the_catalog(group: str, renew: bool) -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    start = f"<!-- siege, {group}: written by `make docs` -->\n\n"
    before, _, rest = text.partition(start)
    old = re.match(r"(?:\|.*\n)*", rest)
    assert rest
    assert old
    if renew:
        DOCUMENT.write_text(f"{before}{start}{table(group)}{rest[old.end() :]}", encoding="utf-8")
    else:
        assert old[0] == table(group), "write it with make docs"


def test_each_fault_has_a_test_and_each_hostile_test_a_fault() -> None:
    tried = tried_faults()
    untested = [fault for fault, row in ROWS.items() if not row.tests and fault not in tried]
    assert untested == []

    for path in HOSTILE.glob("test_*.py"):
        text = path.read_text(encoding="utf-8")
        tests = len(re.findall(r"^async def test_", text, re.MULTILINE))
        assert len(re.findall(r"^@siege\(", text, re.MULTILINE)) == tests, path.name
