"""All the simulated servers behind one listener."""

import time
from random import Random

from aiohttp import web

from exporter.simulator import clanforge, genesys_ucs, mdworkbench, webitel_login
from exporter.simulator.clanforge import Clanforge
from exporter.simulator.genesys_ucs import GenesysUcs
from exporter.simulator.mdworkbench import MDWorkbench
from exporter.simulator.pace import Clock
from exporter.simulator.webitel import RELEASE_33, RELEASE_36, RELEASE_2015, Webitel

# A visitor of the demo should not have to wait the whole minute of the vendor's page.
SWITCH_SECONDS = 10.0

LISTING = f"""\
Simulated servers, for trying the exporter. All data is invented.

Genesys UCS    GET  /cv/server/status    {genesys_ucs.MONITOR.username} / {genesys_ucs.MONITOR.password}
               POST /cv/server/mode      {genesys_ucs.ADMIN.username} / {genesys_ucs.ADMIN.password}
               (may do neither)          {genesys_ucs.GUEST.username} / {genesys_ucs.GUEST.password}
Webitel        GET  .../api/v2/status    X-Access-Token: {webitel_login.LOGIN["X-Access-Token"]}
                                         X-Key: {webitel_login.LOGIN["X-Key"]}
               (expired)                 X-Access-Token: {webitel_login.EXPIRED_LOGIN["X-Access-Token"]}
               (only 3.6, without X-Key) X-Access-Token: {webitel_login.DOMAIN_LOGIN["X-Access-Token"]}
               (removed)                 X-Access-Token: {webitel_login.REMOVED_DOMAIN_LOGIN["X-Access-Token"]}
               POST .../login            {webitel_login.USER.username} / {webitel_login.USER.password}
               3.6 at /, 3.3 at /old, of 2015 at /2015, and 3.6 whose FreeSWITCH has no command
               `status` at /bare
MDWorkbench    GET  {mdworkbench.PATH}  {mdworkbench.ADMIN.username} / {mdworkbench.ADMIN.password}
               PUT  {mdworkbench.PATH}?value=...
               (may do neither)          {mdworkbench.VIEWER.username} / {mdworkbench.VIEWER.password}
               GET  {mdworkbench.QUEUE_PATH}
Clanforge      GET  /cfp/v1/server/list?accountserviceid={clanforge.ACCOUNT_SERVICE}
               GET  /cfp/v1/server/{{serverid}}/status  {clanforge.KEYS.username} / {clanforge.KEYS.password}
               serverid: {", ".join(str(listing.serverid) for listing in clanforge.FLEET)}
http_sd        GET  {clanforge.LIST_PATH}        the server ids of Clanforge
"""


class SimulatedServers:
    """The servers of every vendor, alike for the same seed and clock."""

    def __init__(
        self,
        *,
        clock: Clock = time.time,
        seed: int = 0,
        switch_seconds: float = SWITCH_SECONDS,
    ) -> None:
        # A source of chance for each: requests to one server must not change another.
        self.ucs = GenesysUcs(clock, Random(f"ucs {seed}"), switch_seconds=switch_seconds)
        self.webitel = Webitel(clock, Random(f"webitel {seed}"), RELEASE_36)
        self.webitel_old = Webitel(clock, Random(f"webitel_old {seed}"), RELEASE_33, "/old")
        self.webitel_2015 = Webitel(clock, Random(f"webitel_2015 {seed}"), RELEASE_2015, "/2015")
        self.webitel_bare = Webitel(clock, Random(f"webitel_bare {seed}"), RELEASE_36, "/bare")
        self.webitel_bare.freeswitch = "no command"
        self.mdworkbench = MDWorkbench(clock, Random(f"mdworkbench {seed}"))
        self.clanforge = Clanforge(clock, Random(f"clanforge {seed}"))

    @property
    def engines(self) -> tuple[Webitel, ...]:
        """Every Webitel engine."""
        return self.webitel, self.webitel_old, self.webitel_2015, self.webitel_bare


def make_app(world: SimulatedServers) -> web.Application:
    """Serve a world; it may be changed while it is served."""

    async def close(_: web.Application) -> None:
        for engine in world.engines:
            engine.is_closing = True

    app = web.Application(middlewares=[world.ucs.deny_while_switching])
    app.router.add_get("/", _listing)
    for routes in (
        world.ucs.routes(),
        *(engine.routes() for engine in world.engines),
        world.mdworkbench.routes(),
        world.clanforge.routes(),
    ):
        app.add_routes(routes)
    app.on_shutdown.append(close)
    return app


async def _listing(_: web.Request) -> web.Response:
    return web.Response(text=LISTING)
