"""`declare`: proposes a declaration of a system for an answer."""

import asyncio
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from exporter.cli.options import Arguments, settings_of
from exporter.cli.serve_command import run_coroutine
from exporter.clock import Clock
from exporter.declare.endpoint import Endpoint
from exporter.declare.system import NAME, System
from exporter.errors import ConfigError, PollError, Reason
from exporter.http.answer import MAX_BODY, Answer
from exporter.http.connections import Connections
from exporter.http.message import credentials, quoted_path
from exporter.pipeline.read import parse
from exporter.pipeline.request import build
from exporter.pipeline.sniff import first_character
from exporter.propose import AnsweredRequest, NothingToMapError, propose, system_name
from exporter.redact import redact_secrets
from exporter.settings import Target
from exporter.systems import SYSTEMS
from exporter.text import printable
from exporter.toolkit.read_file import read_file

_SCHEMES = ("http://", "https://")
# Prefixes of other metrics, which are not available for systems.
_RESERVED = ("process", "python", "scrape", "status_exporter")


def run(arguments: Arguments) -> int:
    """Run the command."""
    given = arguments.answer
    system = _system(arguments)
    request = None
    try:
        if given.startswith(_SCHEMES):
            parts = urlsplit(given)
            path = quoted_path(parts.path or "/")
            request = AnsweredRequest(path, tuple(parse_qsl(parts.query, keep_blank_values=True)))
            answer = _poll(arguments, request)
        else:
            answer = Answer("", _read_answer(given), 0.0)
        form, tree = _parse_answer(answer)
        sys.stdout.write(propose(tree, system, request, form) + _target_example(system, given))
    except (PollError, NothingToMapError) as error:
        why = f"{error.reason}: {error.detail}" if isinstance(error, PollError) else str(error)
        print(printable(f"{given}: {why}"), file=sys.stderr)
        return 1
    return 0


def _target_example(system: str, given: str) -> str:
    """Return a target in comments: a line that polls the declared system."""
    parts = urlsplit(given)
    host = parts.netloc.rpartition("@")[2]
    url = f"{parts.scheme}://{host}" if given.startswith(_SCHEMES) else "http://HOST:PORT"
    return (
        "\n# To poll it, remove the # from these lines:\n# targets:\n"
        f"#   - {{name: {system}-1, system: {system}, url: {json.dumps(url)}}}\n"
    )


def _system(arguments: Arguments) -> str:
    """Return the given name, or one derived from the file or host."""
    if arguments.system is None:
        given = arguments.answer
        source = urlsplit(given).hostname if given.startswith(_SCHEMES) else Path(given).stem
        name = system_name(source or "system")
        return f"own_{name}" if name in SYSTEMS or _is_reserved(name) else name
    name = arguments.system
    if not NAME.fullmatch(name):
        raise ConfigError((f"--system: {name} is not lower-case words with _ between them",))
    if name in SYSTEMS or _is_reserved(name):
        raise ConfigError((f"--system: {name} has a meaning already; choose another name",))
    return name


def _is_reserved(name: str) -> bool:
    return any(f"{name}_".startswith(f"{one}_") for one in _RESERVED)


def _read_answer(given: str) -> bytes:
    try:
        if given == "-":
            return sys.stdin.buffer.read(MAX_BODY + 1)[:MAX_BODY]
        return read_file(Path(given), MAX_BODY)
    except (OSError, ValueError) as error:
        raise ConfigError((f"{given}: {getattr(error, 'strerror', None) or error}",)) from None


def _poll(arguments: Arguments, request: AnsweredRequest) -> Answer:
    """Request the URL once.

    Raises:
        PollError: The request failed.
    """
    parts = urlsplit(arguments.answer)
    system = System(endpoints=[_endpoint(request, "json", "xml", "text")]).set_name("declared")
    arguments.system, arguments.url = "declared", f"{parts.scheme}://{parts.netloc}"
    target = settings_of(arguments, systems={"declared": system}).targets[0]
    target = replace(target, client=replace(target.client, follow_redirects=True))
    try:
        return run_coroutine(_fetch(target))
    except PollError as error:
        raise PollError(error.reason, redact_secrets(error.detail, target.client, ())) from None


async def _fetch(target: Target) -> Answer:
    connections = Connections(Clock())
    try:
        async with asyncio.timeout(target.timeout):
            http = connections.client_of(target)
            return await http.fetch(build(target)[0], credentials(target.client))
    except TimeoutError:
        detail = f"no complete answer within {target.timeout:g}s"
        raise PollError(Reason.TIMEOUT, detail) from None
    finally:
        await connections.close()


def _endpoint(request: AnsweredRequest, *formats: str) -> Endpoint:
    """Return an endpoint that accepts an answer of any shape."""
    query = {name: value for name, value in request.query if "{" not in name + value}
    return Endpoint.model_validate(
        {
            "path": request.path,
            "query": query,
            "formats": [*formats],
            "fields": [{"gauge": "declared_answer", "path": ""}],
        }
    )


def _parse_answer(answer: Answer) -> tuple[str, Any]:
    """Return the format of an answer, and its tree or text.

    Raises:
        PollError: The answer is malformed, or an HTML page.
    """
    tree = parse(answer, _endpoint(AnsweredRequest("/"), "json", "text")).tree
    if not isinstance(tree, str):
        return "json", tree
    if first_character(tree) == "<":
        return "xml", parse(answer, _endpoint(AnsweredRequest("/"), "xml")).tree
    return "text", tree
