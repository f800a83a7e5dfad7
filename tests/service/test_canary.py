"""Every secret key has a different secret, vendors return all that they get: none is shown."""

import asyncio
import base64
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, get_args
from urllib.parse import quote

import aiohttp
import bcrypt
import pytest
import trustme
from pydantic import BaseModel

from exporter.config import load_file
from exporter.config.file_model import FileModel
from exporter.pipeline.request import build
from exporter.runtime.target_state import TargetState
from exporter.secret import Secret
from exporter.systems import SYSTEMS
from support.vendor import serving

# The answers that `Parrot` has: one poll of each target for each.
ROUNDS = 14


def secret_keys(model: type[BaseModel], path: str = "") -> Iterator[str]:
    """Yield every key of the configuration that holds a secret, found by its type."""
    for name, field in model.model_fields.items():
        at = f"{path}.{field.alias or name}".lstrip(".")
        kinds = [field.annotation]
        while kinds:
            kind: Any = kinds.pop()
            kinds += get_args(kind)
            if kind is Secret:
                yield at
            elif isinstance(kind, type) and issubclass(kind, BaseModel) and name != "fields":
                # A system's fields contain one another endlessly, and no secret.
                yield from secret_keys(kind, at)


class Canaries:
    """Invents the secrets, and knows the key of each."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.known: dict[str, str] = {}
        self._folder = folder
        self._environment = environment

    def new(self, key: str) -> str:
        value = f'canary-{len(self.known)}-"{os.urandom(4).hex()}'
        self.known[f"{key} {len(self.known)}"] = value
        return value

    def file(self, key: str) -> str:
        path = self._folder / f"secret-{len(self.known)}"
        path.write_text(self.new(key) + "\n", encoding="utf-8")
        return str(path)

    def variable(self, key: str) -> str:
        name = f"CANARY_{len(self.known)}"
        self._environment[name] = self.new(key)
        return f"${{{name}}}"

    def leaks(self, text: str) -> list[str]:
        """Return the keys whose secret is in the text, in any form."""
        found = []
        for key, value in self.known.items():
            plain = value.split('"')[1]  # The part that no encoding changes.
            pair = base64.b64encode(value.encode()).decode().rstrip("=")[:-2]
            forms = (value, json.dumps(value)[1:-1], quote(value, safe=""), pair, plain)
            if any(form in text for form in forms):
                found.append(key)
        return found


def configuration(canaries: Canaries, url: str, key: str, proxy: str) -> dict[str, Any]:
    new, file, variable = canaries.new, canaries.file, canaries.variable
    clients: dict[str, Any] = {
        "basic": {"basic_auth": {"username": "monitor", "password": new("basic")}},
        "basic-files": {
            "basic_auth": {"username_file": file("user"), "password_file": file("basic file")}
        },
        "bearer": {"authorization": {"credentials": variable("bearer")}},
        "bearer-file": {"authorization": {"credentials_file": file("bearer file")}},
        "headers": {
            "http_headers": {
                "X-Api-Key": {"secrets": [variable("header")], "files": [file("header file")]}
            },
            "query_params": {"key": {"secrets": [new("query")], "files": [file("query file")]}},
            "follow_redirects": True,
        },
        "proxy": {"proxy_url": proxy.replace("://", f"://u:{quote(new('proxy'))}@")},
        "tls": {"tls_config": {"ca": "CA", "cert": "CERT", "key": key}},
        "oauth": {
            "oauth2": {
                "client_id": "id",
                "client_secret": variable("oauth2"),
                "token_url": f"{url}/token",
            }
        },
        "oauth-file": {
            "oauth2": {
                "client_id": "id",
                "client_secret_file": file("oauth2 file"),
                "token_url": f"{url}/token",
                "proxy_url": proxy.replace("://", f"://u:{quote(new('oauth2 proxy'))}@"),
                "tls_config": {"ca": "CA", "cert": "CERT", "key": key},
            }
        },
        "login": {"login": {"username": "u@d", "password": new("login")}},
        "login-files": {
            "login": {"username_file": file("login user"), "password_file": file("login")}
        },
    }
    targets = []
    for name in clients:
        logs_in = name.startswith("login")
        system = "webitel" if logs_in else "clanforge"
        params = {} if logs_in else {"serverid": "1", "match_info": "true"}
        targets.append(
            {"name": name, "system": system, "url": f"{url}/{name}", "client": name}
            # Probes poll, so that it takes no time but the machine's own.
            | {"params": params, "interval": "on_probe", "timeout": "1m"}
        )
    return {"clients": clients, "targets": targets}


class Parrot:
    """A vendor that returns what it was sent, each time at another position of its answer."""

    def __init__(self) -> None:
        self.asked: dict[str, int] = {}

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        length = re.search(r"content-length: (\d+)", head, re.IGNORECASE)
        body = (await reader.readexactly(int(length[1]))).decode() if length else ""
        method, where = head.split(" ")[:2]
        name = where.split("/")[3 if "://" in where else 1]
        if method == "POST":
            answer = self._token(body)
        else:
            turn = self.asked.get(name, 0)
            self.asked[name] = turn + 1
            answer = self._answer(turn, head, name)
        writer.write(answer.encode("latin-1", "replace"))
        await writer.drain()

    @staticmethod
    def _token(body: str) -> str:
        # The answer to a login contains what was sent.
        echoed = re.sub(r"[^\x21-\x7e]|[\"\\]", "", body)
        tree = {"access_token": f"t-{echoed}", "token": f"t-{echoed}", "key": f"k-{echoed}"}
        return _whole("200 OK", json.dumps({**tree, "token_type": "bearer", "error": echoed}))

    @staticmethod
    def _answer(turn: int, head: str, name: str) -> str:
        sent = head.replace("\r\n", " ")
        # The last line usually has the secret.
        last = head.split("\r\n")[-3].partition(": ")[2]
        words = last.rpartition(" ")[2]
        server = {"serverid": words[:200], "name": words[:250], "ip": last[:250], "active": 1}
        info = {"players": last, "map": words[:250], "status": quote(words)[:250]}
        good = {"server": {**server, "query_info": info}, "Version": words, "crashCount": last}
        return (
            lambda: _whole("200 OK", json.dumps(good)),
            lambda: _whole("200 OK", json.dumps({"error": True, "error_message": last})),
            lambda: _whole(f"401 {words}", sent),
            lambda: _whole("400 Bad Request", f"Token Expired {sent}"),
            lambda: _whole("302 Found", sent, f"Location: http://{words[:40]}@127.0.0.1:9/{sent}"),
            lambda: _whole("302 Found", sent, f"Location: /{name}/{quote(words)}"),
            lambda: _whole("200 OK", f'{{"{words}": '),
            lambda: _whole("200 OK", f"<!DOCTYPE {words}><a/>", "Content-Type: application/xml"),
            lambda: _whole("200 OK", sent, f"Content-Type: image/{quote(words, safe='')}"),
            lambda: _whole("200 OK", json.dumps({words: 1, **{f"{words}{at}": 1 for at in "ab"}})),
            lambda: f"{sent}\r\n\r\n",
            lambda: _whole("200 OK", f'{{"{words}":1,"{words}":2}}'),
            lambda: _whole("429 Slow", sent, f"Retry-After: {words}"),
            lambda: "",
        )[turn % ROUNDS]()


def _whole(status: str, body: str, more: str = "Content-Type: application/json") -> str:
    size = len(body.encode("latin-1", "replace"))
    return (
        f"HTTP/1.1 {status}\r\n{more}\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n{body}"
    )


@pytest.fixture
def canaries(tmp_path: Path) -> Canaries:
    return Canaries(tmp_path, {})


async def test_no_secret_shows_anywhere(canaries: Canaries, tmp_path: Path) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("monitor@example.com")
    key = issued.private_key_pem.bytes().decode()
    canaries.known["tls key"] = key.splitlines()[1] + '"' + key.splitlines()[2]
    parrot = Parrot()
    async with serving(parrot.handle) as url:
        data = configuration(canaries, url, key, url)
        text = json.dumps(data)
        text = text.replace('"CA"', json.dumps(authority.cert_pem.bytes().decode()))
        text = text.replace('"CERT"', json.dumps(issued.cert_chain_pems[0].bytes().decode()))
        path = tmp_path / "config.yaml"
        path.write_text(text, encoding="utf-8")
        web = tmp_path / "web.yaml"
        hashed = bcrypt.hashpw(b"canary-user", bcrypt.gensalt(4)).decode()
        web.write_text(f"basic_auth_users: {{someone: '{hashed}'}}\n", encoding="utf-8")
        canaries.known["web hash"] = f'{hashed}"{hashed}'
        seen = await _run(canaries, data["clients"], path, web)

    given = {key.removesuffix("[]") for key in _keys_of(data)}
    wanted = {key.replace("clients.", "clients.*.", 1) for key in secret_keys(FileModel)}
    assert {_generic(key) for key in given} >= {_generic(key) for key in wanted}
    assert "<secret>" in seen  # They were returned, and redacted.
    assert [name for name in data["clients"] if parrot.asked.get(name, 0) < ROUNDS] == []
    assert canaries.leaks(seen) == []


def _keys_of(data: Any, path: str = "") -> Iterator[str]:
    if isinstance(data, dict):
        for key, value in data.items():
            yield f"{path}.{key}".lstrip(".")
            yield from _keys_of(value, f"{path}.{key}")


def _generic(key: str) -> str:
    """Remove the names of clients, headers and parameters from a key."""
    key = re.sub(r"^clients\.[^.]+", "clients", key.replace("clients.*", "clients.x"))
    return re.sub(r"(http_headers|query_params)\.(?!secrets|files|values)[^.]+", r"\1", key)


async def _run(canaries: Canaries, targets: Iterable[str], path: Path, web: Path) -> str:
    """Run the program, poll each target once for each answer, and return all of its output."""
    environment = {**os.environ, **canaries._environment, "PYTHONASYNCIODEBUG": "1"}
    flags = ["--config.file", str(path), "--web.config.file", str(web), "--log.level", "debug"]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-X", "dev", "-m", "exporter", *flags),
        *("--web.listen-address", "127.0.0.1:0"),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    shown = [_arguments(process.pid)]
    address = ""
    while not address:
        line = (await process.stdout.readline()).decode()
        assert line, "".join(shown)
        shown.append(line)
        found = re.search(r"msg=listening .*address=(\S+)", line)
        address = found[1] if found else ""
    log = asyncio.create_task(process.stdout.read())
    routes = (*(f"/probe?target={name}" for name in targets), *ROUTES)
    async with aiohttp.ClientSession(headers=USER) as one:
        for _ in range(ROUNDS):
            shown += [await _page(one, f"http://{address}{route}") for route in routes]
        _break(path)
        async with one.post(f"http://{address}/-/reload") as answer:
            shown.append(await answer.text())
            assert answer.status == 500
        async with one.get(f"http://{address}/metrics", headers=STRANGER) as answer:
            shown.append(await answer.text())
    process.terminate()
    shown.append((await log).decode())
    await process.wait()
    return "\n".join(shown)


def _arguments(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8")


def _break(path: Path) -> None:
    """Put faults at the positions of secrets."""
    text = path.read_text(encoding="utf-8")
    text = text.replace('"username": "monitor"', '"username": 7').replace("secrets", "secret")
    path.write_text(text, encoding="utf-8")


USER = {"Authorization": f"Basic {base64.b64encode(b'someone:canary-user').decode()}"}
STRANGER = {"Authorization": f"Basic {base64.b64encode(b'x:y').decode()}"}
PAGES = tuple(f"/target?name={name}" for name in ("basic", "headers", "login", "oauth-file"))
ROUTES = (
    "/",
    "/metrics",
    "/-/healthy",
    "/-/ready",
    "/-/reload",
    "/api/v1/targets",
    "/sd",
    "/none",
    *PAGES,
)


async def _page(session: aiohttp.ClientSession, url: str) -> str:
    async with session.get(url) as answer:
        return f"{answer.headers} {await answer.text()}"


def test_no_secret_is_in_the_repr_of_settings_or_states(
    canaries: Canaries, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("monitor@example.com")
    key = issued.private_key_pem.bytes().decode()
    data = configuration(canaries, "http://127.0.0.1:1", key, "http://127.0.0.1:1")
    text = json.dumps(data).replace('"CA"', json.dumps(authority.cert_pem.bytes().decode()))
    text = text.replace('"CERT"', json.dumps(issued.cert_chain_pems[0].bytes().decode()))
    canaries.known["tls key"] = key.splitlines()[1] + '"' + key.splitlines()[2]
    path = tmp_path / "config.yaml"
    path.write_text(text, encoding="utf-8")
    for name, value in canaries._environment.items():
        monkeypatch.setenv(name, value)
    settings = load_file(path, SYSTEMS)
    kept = [repr(settings), str(settings)]
    for target in settings.targets:
        tracked = TargetState(target)
        kept += [repr(getattr(tracked, name)) for name in TargetState.__slots__]
        kept += [repr(build(target)), repr(target.client)]

    assert canaries.leaks("".join(kept)) == []


def test_the_search_can_find(canaries: Canaries) -> None:
    """A secret that is shown is found, in every form."""
    value = canaries.new("k")
    for form in (value, json.dumps(value), quote(value), base64.b64encode(value.encode()).decode()):
        assert canaries.leaks(f"found: {form}!") == ["k 0"]
