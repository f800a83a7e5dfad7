"""Dashboards for Grafana: declared in `source`, generated into `dashboards`."""
