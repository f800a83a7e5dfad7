"""What is served: snapshots become pages of metrics, and a page for people.

negotiate    the request's headers -> format and compression
exposition   snapshots -> the metrics page, piece by piece
page         snapshots -> the status page
guard        what the web configuration file does not allow stops here; `users` have passwords,
             `limit` counts requests, `certificates` are shown to those that connect by TLS
routes       the application: which path gives what
"""
