"""Configuration files: loading raises only ConfigError; each fault is one line without secrets."""

import os
import re
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import trustme
import yaml

from exporter.config import load_text
from exporter.errors import ConfigError
from exporter.systems import SYSTEMS
from fuzz.harness import ROOT, Harness
from fuzz.mutate import mutate_bytes, mutate_tree

CANARY = "canary-8271"
_VARIABLES = ("UCS_PASSWORD", "WEBITEL_KEY", "API_TOKEN", "MDW_PASSWORD", "CLANFORGE_SECRET_KEY")
_TOKENS = (
    *(
        b":",
        b": ",
        b"- ",
        b"  ",
        b"\n",
        b"\t",
        b"{",
        b"}",
        b"[",
        b"]",
        b'"',
        b"'",
        b"#",
        b"|",
        b">",
    ),
    *(b"&a ", b"*a", b"<<: *a", b"!!python/object/apply:os.system [x]", b"!!binary ", b"? ", b"%"),
    *(b"---\n", b"...\n", b"\0", b"\xff", b"\xef\xbb\xbf", b"1e999", b"0o17", b"~", b"${X}", b"${"),
    *(b"1:30", b"-1s", b"99999999999999999d", b"\xe2\x80\xa8", b"{" * 60, b"nan", b".inf", b"\x85"),
)
# A secret in the position of a name cannot be distinguished from a name.
_AS_A_NAME = re.compile(rf"\.[\w./-]*{CANARY}[\w./-]*(?=[:.])")
# Typing errors next to a secret.
_SLIPS = tuple(" :\"'!&*{}[],#%@|>-?\t\n")


@cache
def _folder() -> Path:
    """Return a folder with every file that the example names."""
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    (folder / "secrets").mkdir()
    authority = trustme.CA()
    issued = authority.issue_cert("monitor@example.com")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    issued.cert_chain_pems[0].write_to_path(folder / "client.pem")
    issued.private_key_pem.write_to_path(folder / "secrets" / "client.key")
    for name in ("ucs", "token", "username"):
        (folder / "secrets" / name).write_text(CANARY, encoding="utf-8")
    os.environ.update(dict.fromkeys(_VARIABLES, CANARY))
    return folder


def check(data: bytes) -> None:
    """Load a configuration, and look for the secret in its faults."""
    shown = ""
    try:
        settings = load_text(data.decode("utf-8", "replace"), "config.yaml", _folder(), SYSTEMS)
        shown = repr(settings)
    except ConfigError as error:
        _check_faults(error.faults)
    assert CANARY not in shown


def _check_faults(faults: Sequence[str]) -> None:
    assert faults
    for fault in faults:
        assert fault.startswith("config.yaml"), fault
        assert len(fault.splitlines()) == 1, fault
        assert CANARY not in _AS_A_NAME.sub("", fault), fault


@cache
def _seeds() -> Sequence[bytes]:
    example = (ROOT / "config.example.yaml").read_text(encoding="utf-8")
    plain = re.sub(r'"\$\{\w+\}"|\$\{\w+\}', CANARY, example)
    small = {
        "clients": {"a": {"basic_auth": {"username": "monitor", "password": CANARY}}},
        "targets": [
            {"name": "t", "system": "genesys_ucs", "url": "http://127.0.0.1:1", "client": "a"}
        ],
    }
    bad = sorted((ROOT / "tests" / "data" / "configs" / "bad").glob("*.yaml"))
    return (
        example.encode(),
        plain.encode(),
        yaml.safe_dump(small).encode(),
        *(path.read_bytes() for path in bad),
    )


@cache
def _names() -> Sequence[str]:
    text = b"\n".join(_seeds()).decode("utf-8", "replace")
    return sorted(set(re.findall(r"([a-z_]+):", text)) - {CANARY})


def mutate(data: bytes, chance: Random) -> bytes:
    """Change a node, add a typing error next to a secret, or change bytes outside of secrets."""
    kind = chance.randrange(4)
    if kind == 0 and CANARY.encode() in data:
        return _slip(data, chance)
    if kind == 1:
        # Changed bytes would move a secret to a position whose text may be shown.
        return mutate_bytes(data.replace(CANARY.encode(), b"s3cret"), chance, _TOKENS)
    try:
        tree: Any = yaml.safe_load(data.decode("utf-8", "replace"))
        changed = mutate_tree(tree, chance, _names())
        text = yaml.safe_dump(
            changed, default_flow_style=chance.choice((True, False, None)), allow_unicode=True
        )
        return text.encode("utf-8", "replace")
    except (yaml.YAMLError, ValueError, RecursionError, TypeError):
        return data


def _slip(data: bytes, chance: Random) -> bytes:
    text = data.decode("utf-8", "replace")
    positions = [one.start() for one in re.finditer(re.escape(CANARY), text)]
    at = chance.choice(positions) + chance.choice((-2, -1, 0, len(CANARY), len(CANARY) + 1))
    at = max(0, min(at, len(text)))
    if chance.randrange(2):
        return (text[:at] + text[at + 1 :]).encode()
    return (text[:at] + chance.choice(_SLIPS) + text[at:]).encode()


CONFIGS = Harness(name="configs", seeds=_seeds, mutate=mutate, check=check)
