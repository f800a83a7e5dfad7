"""What is served: snapshots become pages of metrics, and a page for people.

negotiate    the request's headers -> format and compression
exposition   snapshots -> the metrics page, piece by piece
query        the request's query -> its parameters
filters      those of a scrape -> which targets and families it wants
probe        one target polled on demand -> its series
sd           targets -> the list that has Prometheus probe each of them
page         snapshots -> the status page
guard        what the web configuration file does not allow stops here; `users` have passwords,
             `limit` counts requests, `certificates` are shown to those that connect by TLS
routes       the application: which path gives what
sockets      addresses, or what systemd passed -> bound sockets
inbound      who asks at the port -> who has to leave
connection   the bytes of one connection -> what `inbound` has to know of it
listen       the application and addresses -> a site that answers, until it ends
headers      what every answer bears
"""
