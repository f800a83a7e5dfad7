"""Polls vendor status endpoints, and serves their values to Prometheus.

text             text of answers, made safe for labels, messages and terminals
errors           the exceptions, and the reasons of failed polls
clock            the wall clock and the monotonic clock
duration         durations in Prometheus' format
log              the log, on standard error
secret           a text that is not printed
settings         the configuration as frozen data
client_tls       TLS contexts of clients
redact           removes secrets from text of a vendor
systems          the built-in systems, declared in YAML
declare          the declaration language, compiled to functions that read an answer
config           loads the configuration file into frozen Settings, or reports all of its faults
http             the HTTP client for polls, logins, lists and actions
pipeline         one answer, stage by stage: from bytes to samples and lines
runtime          the state of the program: targets, their schedule, discovery and reload
toolkit          an HTTP server for any exporter: TLS, users, limits; imports no other package
web              /metrics, /probe, /sd, the status page and the API
telemetry        the exporter's own metrics
process_metrics  CPU, memory and open files of the process
service          the running program
build            the version, and the revision that it was built from
operate          changes a state of a server; only the command line uses it
convert          converts a configuration of json_exporter to a declaration
propose          proposes a declaration for an answer
cli              the commands
simulator        simulates the four systems, for the demo and the tests
"""

__version__ = "0.1.0"
