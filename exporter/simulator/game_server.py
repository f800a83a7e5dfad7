"""A game server's life: free, then allocated to a match, sometimes restarted, stopped or locked."""

from dataclasses import dataclass
from random import Random
from typing import Any, Literal
from uuid import UUID

Phase = Literal["available", "allocated", "restarting", "stopped", "locked"]

# The minimum and maximum duration of each phase, in seconds.
DURATIONS: dict[Phase, tuple[float, float]] = {
    "available": (30.0, 240.0),
    "allocated": (180.0, 720.0),
    "restarting": (20.0, 40.0),
    "stopped": (60.0, 180.0),
    "locked": (120.0, 480.0),
}
# The phases after a match, and their relative frequencies.
AFTER_MATCH: tuple[Phase, ...] = ("available", "restarting", "stopped", "locked")
AFTER_MATCH_WEIGHTS = (70, 20, 6, 4)

# A lobby fills in a minute or two.
JOIN_CHANCE = 0.15
LEAVE_CHANCE = 0.04
# After so many seconds without either, a player joins, or leaves a full server.
LONGEST_CALM = 4

# The map of a server without a match.
LOBBY = "lobby"
MAPS = ("harbour", "foundry", "glacier", "old_town")

LOCATION_MARK = "$$location$$ "


@dataclass(frozen=True)
class Listing:
    """The constant properties of a server."""

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
    """One server; `hold` keeps it in a phase."""

    def __init__(self, listing: Listing, random: Random, now: float) -> None:
        self.listing = listing
        self.held = False
        self._random = random
        self.enter("available", now)

    def hold(self, phase: Phase) -> None:
        """Enter a phase and stay in it; players still join and leave."""
        self.enter(phase, 0.0)
        self.held = True

    def enter(self, phase: Phase, now: float) -> None:
        """Begin a phase, without players yet."""
        self.phase: Phase = phase
        # 2 and 3 are two kinds of restart.
        self.active = {"stopped": 0, "restarting": self._random.choice((2, 3))}.get(phase, 1)
        is_allocated = phase == "allocated"
        fresh = UUID(int=self._random.getrandbits(128), version=4)
        self.allocated_uuid = str(fresh) if is_allocated else ""
        self.map = self._random.choice(MAPS) if is_allocated else LOBBY
        self.players = self._calm = 0
        self.until = now + self._random.uniform(*DURATIONS[phase])
        """When the phase ends, in Unix seconds, unless the server is held."""

    def live(self, moment: float) -> None:
        """Pass a second."""
        if moment >= self.until and not self.held:
            self.enter(self._next(), moment)
        elif self.phase == "allocated":
            self._move_players()

    def query(self) -> dict[str, Any]:
        """Return the game's own answer to a query."""
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
