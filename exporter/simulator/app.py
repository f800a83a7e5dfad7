"""All the made-up servers behind one listener."""

import time
from random import Random

from aiohttp import web

from exporter.simulator import clanforge, gateway, genesys_ucs, mdworkbench, webitel, webitel_login
from exporter.simulator.clanforge import Clanforge
from exporter.simulator.gateway import Gateway
from exporter.simulator.genesys_ucs import GenesysUcs
from exporter.simulator.mdworkbench import MDWorkbench
from exporter.simulator.pace import Clock
from exporter.simulator.webitel import RELEASE_33, RELEASE_36, Webitel

# Somebody who tries the thing should not have to wait the page's whole minute.
SWITCH_SECONDS = 10.0

LISTING = f"""\
Made-up servers, for trying the exporter. Nothing here is real.

Genesys UCS    GET  /cv/server/status    {genesys_ucs.MONITOR.username} / {genesys_ucs.MONITOR.password}
               POST /cv/server/mode      {genesys_ucs.ADMIN.username} / {genesys_ucs.ADMIN.password}
               (may do neither)          {genesys_ucs.GUEST.username} / {genesys_ucs.GUEST.password}
Gateway        GET  /gw/cv/server/status  a token of POST /oauth2/token
                                         {gateway.ACCOUNT.username} / {gateway.ACCOUNT.password}
Webitel 3.6    GET  /api/v2/status       X-Access-Token: {webitel.LOGIN["X-Access-Token"]}
Webitel 3.3    GET  /old/api/v2/status   X-Key: {webitel.LOGIN["X-Key"]}
               (only 3.6, without X-Key) X-Access-Token: {webitel.DOMAIN_LOGIN["X-Access-Token"]}
               (expired)                 X-Access-Token: {webitel.EXPIRED_LOGIN["X-Access-Token"]}
               POST /login, /old/login   {webitel_login.USER.username} / {webitel_login.USER.password}
MDWorkbench    GET  {mdworkbench.PATH}  {mdworkbench.ADMIN.username} / {mdworkbench.ADMIN.password}
               PUT  {mdworkbench.PATH}?value=...
               (may do neither)          {mdworkbench.VIEWER.username} / {mdworkbench.VIEWER.password}
               GET  {mdworkbench.QUEUE_PATH}
Clanforge      GET  /cfp/v1/server/list?accountserviceid={clanforge.ACCOUNT_SERVICE}
               GET  /cfp/v1/server/{{serverid}}/status  {clanforge.KEYS.username} / {clanforge.KEYS.password}
               serverid: {", ".join(str(listing.serverid) for listing in clanforge.FLEET)}
http_sd        GET  {clanforge.LIST_PATH}        the server ids of Clanforge
"""


class World:
    """The servers of every vendor, alike for the same seed and clock."""

    def __init__(
        self,
        *,
        clock: Clock = time.time,
        seed: int = 0,
        switch_seconds: float = SWITCH_SECONDS,
    ) -> None:
        # A source of chance for each: what one server is asked must not change another.
        self.ucs = GenesysUcs(clock, Random(f"ucs {seed}"), switch_seconds=switch_seconds)
        self.gateway = Gateway(clock, Random(f"gateway {seed}"), self.ucs)
        self.webitel = Webitel(clock, Random(f"webitel {seed}"), release=RELEASE_36)
        self.webitel_old = Webitel(
            clock, Random(f"webitel_old {seed}"), release=RELEASE_33, prefix="/old"
        )
        self.mdworkbench = MDWorkbench(clock, Random(f"mdworkbench {seed}"))
        self.clanforge = Clanforge(clock, Random(f"clanforge {seed}"))


def make_app(world: World) -> web.Application:
    """Serve a world; it may be changed while it is served."""

    async def let_go(_: web.Application) -> None:
        world.webitel.release_held()
        world.webitel_old.release_held()

    app = web.Application(middlewares=[world.ucs.deny_while_switching])
    app.add_routes([web.get("/", _listing)])
    for vendor in (
        world.ucs,
        world.gateway,
        world.webitel,
        world.webitel_old,
        world.mdworkbench,
        world.clanforge,
    ):
        app.add_routes(vendor.routes())
    app.on_shutdown.append(let_go)
    return app


async def _listing(_: web.Request) -> web.Response:
    return web.Response(text=LISTING)
