"""The telephone switch behind Webitel: its sessions, and its `status` text."""

import math
from random import Random

from exporter.simulator.pace import Step
from exporter.simulator.traffic import DAY, HOUR, Traffic, Wave, poisson

# Call legs, not calls; three minutes is a common mean.
SESSION_SECONDS = 180.0
# FreeSWITCH clears its five-minute peaks at fixed times, it does not let them slide.
PEAK_WINDOW = 300.0
# So many looks at a leap are enough to find its peaks.
LEAP_SAMPLES = 96
# An age at which every unit of the text but the years is in use.
FIRST_UPTIME = 12 * DAY + 23 * HOUR + 461.020871

IDLE_PER_SESSION = 0.12
IDLE_PER_NEW_SESSION = 0.8

# In microseconds; FreeSWITCH counts a year as 365 days.
UNITS = (
    ("year", 365 * 86_400_000_000),
    ("day", 86_400_000_000),
    ("hour", 3_600_000_000),
    ("minute", 60_000_000),
    ("second", 1_000_000),
    ("millisecond", 1_000),
    ("microsecond", 1),
)


class FreeSwitch:
    """One switch. The limits are configuration and may be set at any time."""

    def __init__(self, random: Random, *, now: float, version: str, sessions: Wave) -> None:
        self.version = version
        self.session_limit = 1000
        self.rate_limit = 30
        self.min_idle_cpu = 0.0
        self.started = now - FIRST_UPTIME
        self._random = random
        self._traffic = Traffic(sessions, random)
        self._clear()

    def _clear(self) -> None:
        self.created = self.active = self.rate = 0
        self.peak = self.peak_5min = self.rate_peak = self.rate_peak_5min = 0
        self.idle_cpu = 100.0
        self._window = 0

    def restart(self, now: float) -> None:
        """Drop every session and count from nothing."""
        self.started = now
        self._clear()

    def live(self, whole: Step, *, accepting: bool) -> None:
        """Let sessions come and go; a switch that does not accept only lets them go."""
        step = whole.since(self.started)
        if not step.seconds:
            return
        if step.leap:
            self._leap(step, accepting=accepting)
        else:
            self._second(step, accepting=accepting)
        self._turn_window(step.end)
        self.peak = max(self.peak, self.active)
        self.rate_peak = max(self.rate_peak, self.rate)
        self.peak_5min = max(self.peak_5min, self.active)
        self.rate_peak_5min = max(self.rate_peak_5min, self.rate)
        busy = self.active * IDLE_PER_SESSION + self.rate * IDLE_PER_NEW_SESSION
        self.idle_cpu = min(max(99.0 - busy + self._random.gauss(0, 0.7), 0.0), 100.0)

    def text(self, now: float, *, ready: bool) -> str:
        """Give the eight lines, the same in every release from 1.4 to 1.11."""
        # The blanks before two of the line ends are FreeSWITCH's own.
        return (
            f"UP {_uptime(now - self.started)}\n"
            f"FreeSWITCH (Version {self.version}) is {'ready' if ready else 'not ready'}\n"
            f"{self.created} session(s) since startup\n"
            f"{self.active} session(s) - peak {self.peak}, last 5min {self.peak_5min} \n"
            f"{self.rate} session(s) per Sec out of max {self.rate_limit}, "
            f"peak {self.rate_peak}, last 5min {self.rate_peak_5min} \n"
            f"{self.session_limit} session(s) max\n"
            f"min idle cpu {self.min_idle_cpu:.2f}/{self.idle_cpu:.2f}\n"
            "Current Stack Size/Max 240K/8192K\n"
        )

    def _second(self, step: Step, *, accepting: bool) -> None:
        came = self._traffic.arrivals(step) if accepting else 0
        ended = poisson(self._random, self.active * step.seconds / SESSION_SECONDS)
        self.active -= min(self.active, ended)
        self.rate = max(0, min(came, self.rate_limit, self.session_limit - self.active))
        self.active += self.rate
        self.created += self.rate

    def _leap(self, step: Step, *, accepting: bool) -> None:
        gone = 1 - math.exp(-step.seconds / SESSION_SECONDS)
        self.active -= min(self.active, poisson(self._random, self.active * gone))
        self.rate = 0
        if not accepting:
            return
        came = self._traffic.arrivals(step)
        room = min(came, max(0, self.session_limit - self.active))
        stride = step.seconds / LEAP_SAMPLES
        levels = [
            self._traffic.wave.at(step.end - stride * sample) for sample in range(LEAP_SAMPLES)
        ]
        crowds = [min(room, self._crowd(level * gone)) for level in levels]
        rates = [min(came, self.rate_limit, poisson(self._random, level)) for level in levels]
        self.created += came
        self.active += crowds[0]
        self.peak = max(self.peak, *crowds)
        self.rate_peak = max(self.rate_peak, *rates)

    def _crowd(self, rate: float) -> int:
        return poisson(self._random, rate * SESSION_SECONDS)

    def _turn_window(self, moment: float) -> None:
        window = math.floor((moment - self.started) / PEAK_WINDOW)
        if window != self._window:
            self._window = window
            self.peak_5min = self.active
            self.rate_peak_5min = 0


def _uptime(seconds: float) -> str:
    rest = round(seconds * 1e6)
    parts = []
    for name, size in UNITS:
        count, rest = divmod(rest, size)
        parts.append(f"{count} {name}" if count == 1 else f"{count} {name}s")
    return ", ".join(parts)
