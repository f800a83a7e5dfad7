"""Boards declared as data become the dashboards' JSON and their description for people.

words       what boards are declared in
overview, genesys_ucs, webitel, mdworkbench, clanforge, exporter
            one BOARD each
intake      what of the exporters' board is about what they are given
forms       a panel -> that of Grafana's own library
build       a board -> that library's dashboard -> JSON
catalogue   that JSON -> the form that grafana.com takes
page        all boards -> docs/dashboards.md
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
