"""Counters of a server: rejected requests and connections, and configuration errors."""

from enum import StrEnum

from prometheus_client import CollectorRegistry, Counter


class RejectReason(StrEnum):
    """Why a request or connection was refused: the values of the label `reason`."""

    CONNECTIONS = "connections"
    BUSY = "busy"
    SLOW_REQUEST = "slow_request"
    SLOW_RESPONSE = "slow_response"
    LARGE_REQUEST = "large_request"
    BAD_REQUEST = "bad_request"
    UNAUTHORIZED = "unauthorized"
    RATE_LIMIT = "rate_limit"
    ORIGIN = "origin"
    HOST = "host"


class ServerMetrics:
    """The metrics of one server, named after the exporter."""

    def __init__(self, registry: CollectorRegistry, namespace: str) -> None:
        rejected = Counter(
            "http_rejected_total",
            "Requests and connections to the exporter's own port that were refused.",
            ["reason"],
            namespace=namespace,
            registry=registry,
        )
        self._rejected = {reason: rejected.labels(reason.value) for reason in RejectReason}
        self.config_errors = Counter(
            "web_config_errors_total",
            "Requests and TLS handshakes refused because the web configuration cannot be used.",
            namespace=namespace,
            registry=registry,
        )

    def reject(self, reason: RejectReason) -> None:
        """Count a refused request or connection; not logged, since any client can cause it."""
        self._rejected[reason].inc()
