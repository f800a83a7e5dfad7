"""The HTTP server: metrics, probes, the status page and the API.

query          the parameters of a request
filters        the query of a scrape -> targets, systems and metrics
exposition     snapshots -> the metrics page, in pieces
probe          one target polled on demand -> its metrics
sd             targets -> the list for HTTP service discovery
units          numbers -> text with units
charts         polls and values -> SVG shapes
view           a target and its snapshot -> what pages and API show of it
target_query   the query of a list -> filters, order and page
target_page    targets -> the page of them that a query selects
links          a query -> the path of a page
html           a page of targets, or one target -> HTML
api            a page of targets -> JSON
page_handlers  the handlers of pages and API
routes         the application with all paths
"""
