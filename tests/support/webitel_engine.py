"""A Webitel that gives a new token at each login, and a client that logs in to it."""

import json

from aiohttp import web

from exporter.secret import Secret
from exporter.settings import Client, PasswordLogin, Target
from exporter.simulator.webitel_login import USER
from support.polling import NOW, make_target
from support.repository import DATA
from support.scripted_site import Seen, Site

BODY = json.loads((DATA / "answers/webitel/00_page_example.json").read_text())
CANARY = "canary-8271"
REFUSED = 'http_401: login: HTTP 401, the server says "secret incorrect"'
RIGHT = "webitel-demo"
DAY = 86400.0


class Engine:
    """A Webitel that returns a new token at each login, and accepts some of them."""

    def __init__(self, site: Site, prefix: str = "") -> None:
        self.url = f"{site.url}{prefix}"
        self.taken: set[str] = set()
        self.takes_new = True
        self.refusal = web.json_response, {"status": "error", "info": "Invalid Token or Key"}, 401
        self.password = RIGHT
        self.expires: float | None = 100 * DAY
        self.more: dict[str, object] = {}
        self.logins = 0
        site.answers[f"{prefix}/login"] = self.log_in
        site.answers[f"{prefix}/api/v2/status"] = self.status

    def log_in(self, seen: Seen) -> web.Response:
        self.logins += 1
        given = json.loads(seen.body)
        if given != {"username": USER.username, "password": self.password}:
            return web.json_response({"status": "error", "info": "secret incorrect"}, status=401)
        token = f"{CANARY}-token-{self.logins}"
        if self.takes_new:
            self.taken.add(token)
        answer: dict[str, object] = {"token": token, "key": f"{CANARY}-key"}
        if self.expires is not None:
            answer["expires"] = round((NOW + self.expires) * 1000)
        return web.json_response(answer | self.more)

    def status(self, seen: Seen) -> web.Response:
        key = seen.headers.get("x-key")
        if seen.headers.get("x-access-token") in self.taken and key == f"{CANARY}-key":
            return web.json_response(BODY)
        make, body, status = self.refusal
        return make(body, status=status)


def login(password: str | Secret = RIGHT) -> Client:
    secret = password if isinstance(password, Secret) else Secret(password)
    user = Secret(USER.username, is_plain=True)
    return Client(name="c", login=PasswordLogin(username=user, password=secret))


def target_of(engine: Engine, client: Client | None = None, timeout: float = 5.0) -> Target:
    return make_target("webitel", engine.url, client=client or login(), timeout=timeout)
