"""Proposes a declaration for an answer, as commented YAML.

- `terms`: words of keys, and the tables of terms that say something about a value
- `quantities`: numbers and texts with units: their reading and unit, gauge or counter
- `guess`: all other values: flags, states, labels, and values to leave out
- `sketch`: the fields of a proposal before they have names
- `labelling`: which key of an item is its label
- `shape`: objects, lists and maps: which become groups, and which labels their items have
- `linewise`: texts of several lines: patterns and their groups
- `naming`: unique, valid metric names
- `write`: the YAML text
"""

from exporter.propose.naming import NothingToMapError, system_name
from exporter.propose.write import AnsweredRequest, propose

__all__ = ["AnsweredRequest", "NothingToMapError", "propose", "system_name"]
