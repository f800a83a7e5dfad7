"""Processes: each is started on its CPU, measured there, and ends with the benchmark."""

import os
import platform
import resource
import secrets
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.figures import BenchError

ROOT = Path(__file__).parent.parent

_CPUS = sorted(os.sched_getaffinity(0))
MEASURED_CPU = _CPUS[0]
LOADER_CPU = _CPUS[1] if len(_CPUS) > 1 else _CPUS[0]

_MAX_FILES = 20_000
_TERMINATION_SECONDS = 10.0
_MAX_LOG_EXCERPT = 200


def prepare() -> None:
    """Set the CPU and the limit of open files of this process, which starts the others."""
    os.sched_setaffinity(0, {LOADER_CPU})
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MAX_FILES if hard == resource.RLIM_INFINITY else min(hard, _MAX_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class Process:
    """A process that ends with its context; its output goes to a file."""

    def __init__(
        self, command: Sequence[str], log: Path, cpu: int = MEASURED_CPU, folder: Path = ROOT
    ) -> None:
        self.log = log
        self._started = time.monotonic()
        with log.open("wb") as output, on_cpu(cpu):
            self._popen = subprocess.Popen(
                command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.terminate(_TERMINATION_SECONDS)

    def terminate(self, seconds: float) -> float | None:
        """Send SIGTERM; returns how long the process took to end, None if it had to be killed."""
        began = time.monotonic()
        self._popen.terminate()
        try:
            self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()
            return None
        return time.monotonic() - began

    def wait_for(self, check: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
        """Wait until the check returns True.

        Raises:
            BenchError: The process ended, or the time is up.
        """
        began = time.monotonic()
        while not check():
            self.check_alive()
            if time.monotonic() - began > seconds:
                raise BenchError(f"{self.log.stem} failed {what}: {self._log_excerpt()}")
            time.sleep(0.01)

    def check_alive(self) -> None:
        """Make sure that the process runs.

        Raises:
            BenchError: It ended.
        """
        if self._popen.poll() is not None:
            raise BenchError(f"{self.log.stem} ended: {self._log_excerpt()}")

    def age(self) -> float:
        """Return the seconds since the start."""
        return time.monotonic() - self._started

    def files(self) -> int:
        """Return the number of open files, connections included."""
        return len(list(Path(f"/proc/{self._popen.pid}/fd").iterdir()))

    def cpu(self) -> float:
        """Return the CPU seconds of all threads, those that ended included, and of all children.

        Raises:
            BenchError: The process ended.
        """
        self.check_alive()
        total = 0.0
        for pid in _family(self._popen.pid):
            total += time.clock_gettime(_cpu_clock(pid))
            times = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[13:15]
            total += sum(int(one) for one in times) / os.sysconf("SC_CLK_TCK")
        return total

    def memory(self) -> float:
        """Return the resident memory in KiB, that of all children included."""
        return sum(_resident(pid) for pid in _family(self._popen.pid))

    def _log_excerpt(self) -> str:
        lines = self.log.read_text(errors="replace").strip()
        return lines.rpartition("\n")[2][-_MAX_LOG_EXCERPT:]


def free_port() -> int:
    """Return an unused port of loopback.

    It is below the ports of outgoing connections, of which the benchmark has thousands.
    """
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    first = lowest // 2
    while True:
        port = first + secrets.randbelow(lowest - first)
        with socket.socket() as one:
            try:
                one.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


@contextmanager
def on_cpu(cpu: int) -> Iterator[None]:
    """Start processes on that CPU: a child inherits the setting."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {cpu})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _cpu_clock(pid: int) -> int:
    # The kernel's number of a process' CPU clock (clock_getcpuclockid(3)). It counts nanoseconds,
    # /proc/PID/stat hundredths of a second.
    return (~pid << 3) | 2


def _family(pid: int) -> Iterator[int]:
    yield pid
    # A thread may end between the listing and the reading.
    with suppress(FileNotFoundError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield from _family(int(child))


def _resident(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return float(line.split()[1])
    return 0.0


def describe_machine() -> str:
    """Return the machine in one line: processor, cores, memory, kernel, Python."""
    cpu = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            cpu = line.partition(":")[2].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{cpu}, {os.cpu_count()} CPUs, {memory:.0f} GiB, {platform.system()}"
        f" {platform.release()}, {platform.python_implementation()} {platform.python_version()}"
    )
