"""Polls vendor status endpoints and serves what they say to Prometheus.

config      a YAML file becomes frozen Settings, or every fault of it at once
discovery   lists outside of the file become targets, and the live set follows them
http        the one HTTP client: polls, logins, lists and orders are sent by it
poll        schedule -> fetch -> parse -> extract -> snapshot, for one target after another
systems     what each vendor says, declared as data
targets     the live set of targets, each with its last snapshot
operate     sets a state of a server, for the command line alone
toolkit     what serves HTTP for any exporter: TLS, users, limits; imports nothing of the rest
web         snapshots -> /metrics, /probe, status page, health
"""

__version__ = "0.1.0"
