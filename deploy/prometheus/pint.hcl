# What pint, the linter of Prometheus rules, reports of these rules on purpose:
#   pint --offline --config pint.hcl lint --fail-on=info *.yml
# With a `prometheus` block added it compares the rules with what a server has.

# `for: 0m` is the default. It is written out, so that each alert shows how long it waits.
rule {
  match { for = "= 0m" }
  disable = ["alerts/for"]
}

# These series do not exist before something happens that they count.
check "promql/series" {
  ignoreMetrics = [
    # Counters with a label, created when they count for the first time.
    "status_exporter_poll_failures_total",
    "status_exporter_unreadable_fields_total",
    "status_exporter_dropped_(series|items)_total",
    "status_exporter_login_failures_total",
    # Only exporters with a discovery have these.
    "status_exporter_discovery_.+",
    # Only where a launch waits.
    "mdworkbench_launch_oldest_waiting_request_timestamp_seconds",
    # Recorded of a counter that need not exist yet.
    "target_reason:status_exporter_poll_failures:increase10m",
  ]
}
