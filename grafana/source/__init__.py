"""The dashboards, declared as data, and what writes their JSON and documentation.

words           the classes and helpers of the declarations
overview, genesys_ucs, webitel, mdworkbench, clanforge, exporter
                one BOARD each
intake          the sections of the exporter's board about answers, lists and logins
forms           a panel -> a panel of Grafana's Foundation SDK
classic         a board -> a dashboard of the SDK -> JSON
catalogue       that JSON -> the format of grafana.com
dashboard_page  all boards -> docs/dashboards.md
"""

from grafana.source import clanforge, exporter, genesys_ucs, mdworkbench, overview, webitel

BOARDS = (
    overview.BOARD,
    genesys_ucs.BOARD,
    webitel.BOARD,
    mdworkbench.BOARD,
    clanforge.BOARD,
    exporter.BOARD,
)
"""Every dashboard, in the order in which they are described."""
