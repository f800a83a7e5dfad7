"""The exporter's own metrics, as metrics of prometheus-client."""

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    Info,
    PlatformCollector,
    disable_created_metrics,
)

from exporter.build import build_facts
from exporter.errors import PollError
from exporter.process_metrics import ProcessMetrics
from exporter.toolkit.server_metrics import ServerMetrics

# The shortest tick is 0.1 s; the event loop should never be held for more than 10 ms.
_LAG_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class Telemetry:
    """The exporter's own metrics, in a separate registry."""

    def __init__(self) -> None:
        # Prometheus 2 and 3 store `_created` as further series, which are of no use.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        self.registry.register(ProcessMetrics())
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self.targets = Gauge(
            "status_exporter_targets",
            "Targets that are polled.",
            ["system"],
            registry=self.registry,
        )
        self.shard = Gauge(
            "status_exporter_shard",
            "Shard number of this exporter, from 0.",
            registry=self.registry,
        )
        self.shards = Gauge(
            "status_exporter_shards",
            "Number of exporters that share the targets.",
            registry=self.registry,
        )
        self.shards.set(1)
        self.loop_lag = Histogram(
            "status_exporter_loop_lag_seconds",
            "How much later than planned the event loop ran the schedule's tick.",
            buckets=_LAG_BUCKETS,
            registry=self.registry,
        )
        self.late_polls = Counter(
            "status_exporter_late_polls_total",
            "Polls that started more than one tick of the schedule late.",
            registry=self.registry,
        )
        self.unreadable_fields = Counter(
            "status_exporter_unreadable_fields_total",
            "Fields that were present and unreadable, by metric.",
            ["system", "metric"],
            registry=self.registry,
        )
        self.duplicate_series = Counter(
            "status_exporter_duplicate_series_total",
            "Series that an answer had more than once; the first one was kept.",
            ["system"],
            registry=self.registry,
        )
        self.server = ServerMetrics(self.registry, "status_exporter")
        self.dropped_log_records = Counter(
            "status_exporter_dropped_log_records_total",
            "Log records that were dropped because standard error was not read or not writable.",
            registry=self.registry,
        )
        self.logins = Counter(
            "status_exporter_logins_total",
            "Logins and token requests, by client.",
            ["client"],
            registry=self.registry,
        )
        self.login_failures = Counter(
            "status_exporter_login_failures_total",
            "Logins and token requests that failed, by client.",
            ["client"],
            registry=self.registry,
        )
        self.dropped_items = Counter(
            "status_exporter_dropped_items_total",
            "List items of answers beyond the limit.",
            ["system"],
            registry=self.registry,
        )
        self.dropped_series = Counter(
            "status_exporter_dropped_series_total",
            "Series beyond a target's max_series, or beyond 256 bytes for each of them.",
            ["system"],
            registry=self.registry,
        )
        self.discovery_targets = Gauge(
            "status_exporter_discovery_targets",
            "Targets in the lists of a discovery that this exporter polls.",
            ["discovery"],
            registry=self.registry,
        )
        self.discovery_refused = Gauge(
            "status_exporter_discovery_refused_targets",
            "Targets in the lists of a discovery that are not polled because another target has their name.",
            ["discovery"],
            registry=self.registry,
        )
        self.discovery_failures = Counter(
            "status_exporter_discovery_refresh_failures_total",
            "Lists of a discovery that could not be read or were rejected; the previous ones stay.",
            ["discovery"],
            registry=self.registry,
        )
        self.discovery_refreshed = Gauge(
            "status_exporter_discovery_last_refresh_success_timestamp_seconds",
            "When all lists of a discovery were last valid, in Unix seconds.",
            ["discovery"],
            registry=self.registry,
        )
        self.reload_successful = Gauge(
            "status_exporter_config_last_reload_successful",
            "Whether the last attempt to load the configuration worked.",
            registry=self.registry,
        )
        self.reloads = Counter(
            "status_exporter_config_reloads_total",
            "Attempts to reload the configuration.",
            registry=self.registry,
        )
        self.reload_failures = Counter(
            "status_exporter_config_reload_failures_total",
            "Attempts to reload the configuration that failed; the old one stays.",
            registry=self.registry,
        )
        self.reload_time = Gauge(
            "status_exporter_config_last_reload_success_timestamp_seconds",
            "When the configuration was last loaded, in Unix seconds.",
            registry=self.registry,
        )
        Info(
            "status_exporter_build",
            "The exporter's version, the revision it was built from with its date, and its Python.",
            registry=self.registry,
        ).info(build_facts())

    def ticks(self) -> float:
        """Return how many ticks of the schedule there have been."""
        (lag,) = self.loop_lag.collect()
        return next(one.value for one in lag.samples if one.name.endswith("_count"))

    def count_login(self, client: str, error: PollError | None) -> None:
        """Count a login, which failed if there is an error."""
        self.logins.labels(client).inc()
        if error is not None:
            self.login_failures.labels(client).inc()

    def forget_discovery(self, name: str) -> None:
        """Remove a discovery from the metrics."""
        for metric in (
            self.discovery_targets,
            self.discovery_refused,
            self.discovery_failures,
            self.discovery_refreshed,
        ):
            metric.remove(name)
