"""The dashboards, declared as data, and what writes their JSON and documentation.

words           the classes and helpers of the declarations
clanforge, genesys_ucs, mdworkbench, webitel
                one BOARD each, named like a file of exporter/systems
system_boards   finds those
intake          the sections of the exporter's board about answers, lists and logins
exporter        the board of the exporters
overview        the board of all targets
forms           a panel -> a panel of Grafana's Foundation SDK
classic         a board -> a dashboard of the SDK -> JSON
catalogue       that JSON -> the format of grafana.com
dashboard_page  all boards -> docs/dashboards.md
listings        all boards -> the files of other tools that list the dashboards
"""

from grafana.source import exporter, overview
from grafana.source.system_boards import SYSTEM_BOARDS

BOARDS = (overview.BOARD, *SYSTEM_BOARDS, exporter.BOARD)
"""Every dashboard, in the order in which they are described."""
