"""What is served: snapshots become pages of metrics, and a page for people.

exposition   snapshots -> the metrics page, piece by piece
query        the request's query -> its parameters
filters      those of a scrape -> which targets and families it wants
probe        one target polled on demand -> its series
sd           targets -> the list that has Prometheus probe each of them
page         snapshots -> the status page
routes       the application: which path gives what
"""
