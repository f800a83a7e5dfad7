"""A server of the same samples by prometheus_client: `python -m bench.generated PORT PAGE`.

PAGE is a file with a page of the exporter. /text, /gzip9 (as the library's own handlers compress)
and /gzip1 return the samples about targets.
"""

import gc
import gzip
import sys
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.parser import text_string_to_metric_families


def registry_of(page: str) -> CollectorRegistry:
    """Return a registry with the samples of the page that are about targets."""
    registry = CollectorRegistry()
    for family in text_string_to_metric_families(page):
        samples = [one for one in family.samples if "target" in one.labels]
        if not samples:
            continue
        labels = tuple(samples[0].labels)
        if family.type == "counter":
            counter = Counter(family.name, family.documentation, labels, registry=registry)
            for one in samples:
                counter.labels(**one.labels).inc(one.value)
        else:
            gauge = Gauge(family.name, family.documentation, labels, registry=registry)
            for one in samples:
                gauge.labels(**one.labels).set(one.value)
    return registry


def _handler(registry: CollectorRegistry) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = generate_latest(registry)
            level = self.path.removeprefix("/gzip")
            if level != self.path:
                body = gzip.compress(body, int(level))
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Iterable[object]) -> None:
            """Log nothing."""

    return Handler


def main(port: int, page: Path) -> None:
    """Serve until the process is ended."""
    # The exporter has no such series either.
    disable_created_metrics()  # type: ignore[no-untyped-call]
    registry = registry_of(page.read_text(encoding="utf-8"))
    # As the exporter does with what it keeps: the garbage collector need not walk it again.
    gc.collect()
    gc.freeze()
    HTTPServer(("127.0.0.1", port), _handler(registry)).serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
