# Settings of pint, a linter for Prometheus rules, with the checks that these rules fail on purpose:
#   pint --offline --config pint.hcl lint --fail-on=info *.yml
# With an additional `prometheus` block, pint compares the rules with the series of a server.

# `for: 0m` is the default. Each alert states it, to show how long it waits.
rule {
  match { for = "= 0m" }
  disable = ["alerts/for"]
}

# These series do not exist until they count something.
check "promql/series" {
  ignoreMetrics = [
    # Counters with a label, created when they count for the first time.
    "status_exporter_poll_failures_total",
    "status_exporter_unreadable_fields_total",
    "status_exporter_dropped_(series|items)_total",
    "status_exporter_login_failures_total",
    # Only exporters with a discovery have these.
    "status_exporter_discovery_.+",
    # Only if a launch waits.
    "mdworkbench_launch_oldest_waiting_request_timestamp_seconds",
    # Recorded from a counter that may not exist yet.
    "target_reason:status_exporter_poll_failures:increase10m",
  ]
}
