"""The metrics about the process that every Prometheus client library has.

prometheus-client's own collector lists the open files, which takes 9 ms with ten thousand of them.
"""

import os
import resource
import time
from collections.abc import Iterable
from pathlib import Path

from prometheus_client import Metric
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

_PROCESS = Path("/proc/self")


class ProcessMetrics(Collector):
    """Reads `process_*` from /proc; there are none on systems without it."""

    def __init__(self) -> None:
        self._started = _start_time() if _PROCESS.exists() else None

    def collect(self) -> Iterable[Metric]:
        """Return the metrics as they are now."""
        if self._started is None:
            return
        try:
            virtual, resident = map(int, (_PROCESS / "statm").read_text().split()[:2])
            open_files = _open_files()
        except OSError:
            return  # All open files are in use. The rest of the page is served.
        page = resource.getpagesize()
        max_files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        yield _gauge("virtual_memory_bytes", "Virtual memory size in bytes.", virtual * page)
        yield _gauge("resident_memory_bytes", "Resident memory size in bytes.", resident * page)
        yield _gauge(
            "start_time_seconds",
            "Start time of the process since unix epoch in seconds.",
            self._started,
        )
        yield CounterMetricFamily(
            "process_cpu_seconds_total",
            "Total user and system CPU time spent in seconds.",
            time.process_time(),
        )
        yield _gauge("open_fds", "Number of open file descriptors.", open_files)
        yield _gauge("max_fds", "Maximum number of open file descriptors.", max_files)


def _gauge(name: str, help_text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"process_{name}", help_text, value)


def _open_files() -> int:
    directory = _PROCESS / "fd"
    # Linux 6.2 and later report the number as the size of the directory.
    return directory.stat().st_size or len([*directory.iterdir()])


def _start_time() -> float:
    """Return when the process started, in Unix seconds."""
    # The name of the program, in parentheses, may contain blanks.
    fields = (_PROCESS / "stat").read_text().rpartition(")")[2].split()
    since_boot = int(fields[19]) / os.sysconf("SC_CLK_TCK")
    lines = Path("/proc/stat").read_text().splitlines()
    return since_boot + next(int(line.split()[1]) for line in lines if line.startswith("btime "))
