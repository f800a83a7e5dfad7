"""What is served: snapshots become pages of metrics, and a page for people.

exposition     snapshots -> the metrics page, piece by piece
query          the request's query -> its parameters
filters        those of a scrape -> which targets and families it wants
probe          one target polled on demand -> its series
sd             targets -> the list that has Prometheus probe each of them
choice         the query of a page or of the API -> which targets, in which order
view           a target with its snapshot -> what pages and API show of it
units          numbers -> text for people
charts         polls and values -> shapes of SVG
html           views -> the status page, and the page of a target
page_handlers  the handlers of the pages and of the API
api            views -> JSON
routes         the application: which path gives what
"""
