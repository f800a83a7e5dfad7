"""Boards declared as data become the dashboards' JSON and their description for people.

words           what boards are declared in
clanforge, genesys_ucs, mdworkbench, webitel
                one BOARD each, named like a file of exporter/systems
system_boards   finds those
intake          panels of the exporters' board about discovery and answers
exporter        the board of the exporters
overview        the board of all targets
forms           a panel -> a panel of Grafana's own library
classic         a board -> a dashboard of that library -> JSON
catalogue       that JSON -> the form that grafana.com takes
dashboard_page  all boards -> docs/dashboards.md
listings        all boards -> the files of other tools that list the dashboards
"""

from grafana.source import exporter, overview
from grafana.source.system_boards import SYSTEM_BOARDS

BOARDS = (overview.BOARD, *SYSTEM_BOARDS, exporter.BOARD)
"""Every dashboard, in the order in which they are described."""
