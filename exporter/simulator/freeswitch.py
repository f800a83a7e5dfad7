"""The FreeSWITCH behind a Webitel: its sessions, and its `status` text.

The text and the counting of attempts are those of FreeSWITCH's code; the traffic is invented.
"""

import math
from random import Random

from exporter.simulator.pace import DAY, HOUR, Traffic, Wave, poisson

# Call legs, not calls; three minutes is a common mean.
SESSION_SECONDS = 180.0
# FreeSWITCH clears its five-minute peaks at fixed times, they do not slide.
PEAK_WINDOW = 300.0
# An age at which every unit of the text but the years is in use.
FIRST_UPTIME = 12 * DAY + 23 * HOUR + 461.020871

IDLE_PER_SESSION = 0.12
IDLE_PER_ATTEMPT = 0.8

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
    """One switch. Its limits may be set at any time, as `fsctl max_sessions`, `sps` and so on do.

    `burst` is added to the attempts of the next second.
    """

    def __init__(self, random: Random, *, now: float, version: str, sessions: Wave) -> None:
        self.version = version
        self.session_limit = 1000
        self.rate_limit = 30
        self.min_idle_cpu = 0.0
        self.burst = 0
        self._random = random
        self._traffic = Traffic(sessions, random)
        self.restart(now - FIRST_UPTIME)
        self.created = round(sessions.mean * FIRST_UPTIME)
        self.peak = round(sessions.high * SESSION_SECONDS)
        self.rate_peak = math.ceil(sessions.high * 4)

    def restart(self, now: float) -> None:
        """Drop every session, and count from 0."""
        self.started = now
        self.created = self.active = self.rate = 0
        self.peak = self.peak_5min = self.rate_peak = self.rate_peak_5min = 0
        self.idle_cpu = 100.0
        self._budget = self.rate_limit
        self._window = 0

    def live(self, moment: float, *, accepting: bool) -> None:
        """Pass a second. A pause and too little idle CPU refuse attempts before they are counted."""
        if moment <= self.started:
            return
        is_open = accepting and self.idle_cpu >= self.min_idle_cpu
        attempts = self._traffic.arrivals(moment) + self.burst if is_open else 0
        self.burst = 0
        self.active -= min(self.active, poisson(self._random, self.active / SESSION_SECONDS))
        # Each attempt decrements the second's budget, and is refused if nothing remains. The status
        # shows the difference from the current limit, not from the limit at its start.
        room = self.session_limit - self.active
        accepted = max(0, min(attempts, self._budget - 1, room))
        self.active += accepted
        self.created += accepted
        self.rate = self.rate_limit - (self._budget - attempts)
        self._budget = self.rate_limit
        self._note_peaks(moment)
        busy = self.active * IDLE_PER_SESSION + attempts * IDLE_PER_ATTEMPT
        self.idle_cpu = min(max(99.0 - busy + self._random.gauss(0, 0.7), 0.0), 100.0)

    def text(self, now: float, *, ready: bool) -> str:
        """Return the eight lines of `status`, the same in every release from 1.4 to 1.11."""
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

    def _note_peaks(self, moment: float) -> None:
        window = math.floor((moment - self.started) / PEAK_WINDOW)
        if window != self._window:
            self._window = window
            self.peak_5min = self.rate_peak_5min = 0
        self.peak = max(self.peak, self.active)
        self.peak_5min = max(self.peak_5min, self.active)
        self.rate_peak = max(self.rate_peak, self.rate)
        self.rate_peak_5min = max(self.rate_peak_5min, self.rate)


def _uptime(seconds: float) -> str:
    rest = round(seconds * 1e6)
    parts = []
    for name, size in UNITS:
        count, rest = divmod(rest, size)
        parts.append(f"{count} {name}" if count == 1 else f"{count} {name}s")
    return ", ".join(parts)
