"""Polls the status endpoints of servers and serves their metrics to Prometheus.

text        text of answers, made safe for labels, messages and terminals
errors      the exceptions, and the reasons of failed polls
clock       the wall clock and the monotonic clock
duration    durations in Prometheus' format
log         the log, on standard error
secret      a text that is not printed
settings    the configuration as frozen data
client_tls  TLS contexts of clients
redact      removes secrets from text of a vendor
systems     the built-in systems, declared in YAML
declare     the declaration language: YAML becomes functions that read an answer
config      the configuration file becomes frozen Settings, or every fault of it at once
http        the HTTP client: polls, logins, lists and actions are sent by it
pipeline    one answer, stage by stage: bytes become samples and lines
runtime     targets, their schedule, discovery and reload: the state of the program
toolkit     what serves HTTP for any exporter: TLS, users, limits; imports nothing of the rest
web         /metrics, /probe, /sd, the status page and the API
telemetry   the exporter's own metrics
service     the running program
build       the version and the revision that it was built from
operate     sets a state of a server; for the command line alone
convert     json_exporter's configuration becomes a declaration
propose     an answer becomes the draft of a declaration
cli         the commands
simulator   the four systems, for the demo and the tests
"""

__version__ = "0.1.0"
