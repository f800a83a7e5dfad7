"""The commands that serve take a web configuration file."""

from pathlib import Path

import pytest

from support.http_client import ask, basic
from support.process import run, started

HASH = "$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "web.yaml"


def test_serve_checks_the_web_configuration(file: Path) -> None:
    config = file.parent / "config.yaml"
    config.write_text(
        'targets: [{name: a, system: genesys_ucs, url: "http://h"}]', encoding="utf-8"
    )
    for text, code, said in (
        (
            "basic_auth_users: {alice: canary-8271}",
            2,
            f"{file}:1:20: basic_auth_users.alice: not a",
        ),
        (f"basic_auth_users: {{alice: {HASH}}}", 0, ""),
    ):
        file.write_text(text, encoding="utf-8")
        for more in (["--config.check"], []) if code else (["--config.check"],):
            files = ("--config.file", str(config), "--web.config.file", str(file))
            done = run("serve", *files, *more)

            assert (done.returncode, done.stderr[: len(said)]) == (code, said)
            assert "8271" not in done.stdout + done.stderr


def test_the_demo_is_protected(file: Path) -> None:
    file.write_text(f"basic_auth_users: {{alice: {HASH}}}", encoding="utf-8")
    addresses = ("--web.listen-address", "127.0.0.1:0", "--simulator.listen-address", "127.0.0.1:0")
    with started("demo", *addresses, "--web.config.file", str(file)) as (_, address):
        assert ask(address).status == 401
        assert ask(address, auth=basic("alice", "fakepassword")).status == 200
