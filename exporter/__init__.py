"""Polls vendor status endpoints and serves what they say to Prometheus.

systems     the built-in systems, declared in YAML
declare     the declaration language: YAML becomes functions that read an answer
config      the configuration file becomes frozen Settings, or every fault of it at once
http        the HTTP client: polls, logins, lists and actions are sent by it
pipeline    one answer, stage by stage: bytes become samples and lines
runtime     targets, their schedule, discovery and reload: the state of the program
toolkit     what serves HTTP for any exporter: TLS, users, limits; imports nothing of the rest
web         /metrics, /probe, /sd, the status page and the API
service     the running program
build       the version and the revision that it was built from
operate     sets a state of a server; for the command line alone
convert     json_exporter's configuration becomes a declaration
propose     an answer becomes the draft of a declaration
cli         the commands
simulator   the four systems, for the demo and the tests
"""

__version__ = "0.1.0"
