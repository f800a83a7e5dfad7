"""What is served: snapshots become pages of metrics, and a page for people.

negotiate    the request's headers -> format and compression
exposition   snapshots -> the metrics page, piece by piece
page         snapshots -> the status page
routes       the application: which path gives what
"""
