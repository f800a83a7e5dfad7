"""What is served: snapshots become pages of metrics, and a page for people.

negotiate    the request's headers -> format and compression
exposition   snapshots -> the metrics page, piece by piece
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
