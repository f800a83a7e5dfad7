"""A game server's life: free, then allocated to a match, sometimes restarted, stopped or locked."""

from dataclasses import dataclass
from random import Random
from typing import Any, Literal, get_args
from uuid import UUID

from exporter.simulator.pace import Step

Phase = Literal["available", "allocated", "restarting", "stopped", "locked"]

# From and to how many seconds each phase lasts.
DURATIONS: tuple[tuple[Phase, float, float], ...] = (
    ("available", 30.0, 240.0),
    ("allocated", 180.0, 720.0),
    ("restarting", 20.0, 40.0),
    ("stopped", 60.0, 180.0),
    ("locked", 120.0, 480.0),
)
# What comes after a match, and how often.
AFTER_MATCH: tuple[Phase, ...] = ("available", "restarting", "stopped", "locked")
AFTER_MATCH_WEIGHTS = (70, 20, 6, 4)

# A lobby fills in a minute or two.
JOIN_CHANCE = 0.15
LEAVE_CHANCE = 0.04
# After so long without either, one joins, or leaves a full server.
LONGEST_CALM = 4

# At rest a server shows this map.
LOBBY = "lobby"
MAPS = ("harbour", "foundry", "glacier", "old_town")

LOCATION_MARK = "$$location$$ "


@dataclass(frozen=True, kw_only=True)
class Listing:
    """What stays the same about a server."""

    serverid: int
    country_code: str
    locationid: str
    machineid: int
    profileid: int
    name: str
    ip: str
    game_port: int
    max_players: int = 16

    @property
    def query_port(self) -> int:
        """The query port, by habit ten above the game's."""
        return self.game_port + 10


class GameServer:
    """One server; `hold` keeps it in a phase, `free` lets it live on."""

    def __init__(self, listing: Listing, random: Random) -> None:
        self.listing = listing
        self.active = 1
        self.allocated_uuid = ""
        self.admin_locked = False
        self.players = 0
        self.map = LOBBY
        self.held = False
        self._random = random
        self.until = 0.0
        """When the phase ends, in Unix seconds, unless the server is held."""
        self._calm = 0

    @property
    def phase(self) -> Phase:
        """The phase the fields amount to."""
        if self.admin_locked:
            return "locked"
        if self.active != 1:
            return "restarting" if self.active else "stopped"
        return "allocated" if self.allocated_uuid else "available"

    def hold(self, phase: Phase) -> None:
        """Enter a phase and stay in it; players still come and go."""
        self.enter(phase, 0.0)
        self.held = True

    def free(self) -> None:
        """Let a held server live on."""
        self.held = False

    def enter(self, phase: Phase, now: float) -> None:
        """Begin a phase, with nobody on the server yet."""
        self.active = 1
        if phase == "stopped":
            self.active = 0
        elif phase == "restarting":
            self.active = self._random.choice((2, 3))
        self.admin_locked = phase == "locked"
        allocated = phase == "allocated"
        fresh = UUID(int=self._random.getrandbits(128), version=4)
        self.allocated_uuid = str(fresh) if allocated else ""
        self.map = self._random.choice(MAPS) if allocated else LOBBY
        self.players = self._calm = 0
        shortest, longest = next(span for name, *span in DURATIONS if name == phase)
        self.until = now + self._random.uniform(shortest, longest)

    def live(self, step: Step) -> None:
        """Go on for a step."""
        if step.leap and not self.held:
            self.enter(self._random.choice(get_args(Phase)), step.end)
        elif step.end >= self.until and not self.held:
            self.enter(self._next(), step.end)
        elif self.phase == "allocated":
            self._move_players()

    def query(self) -> dict[str, Any]:
        """Say what the game itself answers when it is queried."""
        return {
            "players": self.players,
            "max_players": self.listing.max_players,
            "map": self.map,
            "status": "InMatch" if self.players else "idle",
            "name": self.listing.name.replace(LOCATION_MARK, ""),
        }

    def _next(self) -> Phase:
        if self.phase == "allocated":
            return self._random.choices(AFTER_MATCH, AFTER_MATCH_WEIGHTS)[0]
        return "allocated" if self.phase == "available" else "available"

    def _move_players(self) -> None:
        before = self.players
        if self.players < self.listing.max_players and self._random.random() < JOIN_CHANCE:
            self.players += 1
        if self.players and self._random.random() < LEAVE_CHANCE:
            self.players -= 1
        self._calm = 0 if self.players != before else self._calm + 1
        if self._calm >= LONGEST_CALM:
            self.players += 1 if self.players < self.listing.max_players else -1
            self._calm = 0
