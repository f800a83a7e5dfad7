"""Configuration files: each rule has one small file that breaks it and the message it gets."""

import math
import os
import re
from pathlib import Path

import pytest
import trustme

from exporter.config import load_file, load_text
from exporter.config.file_model import FileModel
from exporter.config.load import SECRET_KEYS
from exporter.config.reference import rows
from exporter.errors import ConfigError
from exporter.settings import Settings
from exporter.systems import SYSTEMS
from support.configurations import keys
from support.repository import DATA, ROOT

BAD = sorted((DATA / "configs" / "bad").glob("*.yaml"))


_NOBODY = 65534


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_broken_rule_gives_its_message(
    path: Path, renew: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(path.parent)
    with pytest.raises(ConfigError) as caught:
        load_file(Path(path.name), SYSTEMS)
    actual = "".join(f"{fault}\n" for fault in caught.value.faults)

    expected = path.with_suffix(".txt")
    if renew:
        expected.write_text(actual, encoding="utf-8")

    assert actual == expected.read_text(encoding="utf-8")
    assert "canary-8271" not in actual
    assert all(fault.startswith(path.name) for fault in caught.value.faults)


def load(text: str, folder: Path = DATA) -> Settings:
    return load_text(text, "config.yaml", folder, SYSTEMS)


def test_the_example_has_every_key_and_loads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (ROOT / "config.example.yaml").read_text(encoding="utf-8")
    authority = trustme.CA()
    issued = authority.issue_cert("monitor@example.com")
    (tmp_path / "secrets").mkdir()
    for name in ("ucs", "username", "proxy", "session-key", "token"):
        (tmp_path / "secrets" / name).write_text("s", encoding="utf-8")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "client.pem")
    issued.private_key_pem.write_to_path(tmp_path / "secrets" / "client.key")
    for name in set(re.findall(r"\$\{(\w+)\}", text)):
        monkeypatch.setenv(name, "s")

    load_text(text, "config.example.yaml", tmp_path, SYSTEMS)

    assert [key for key in keys(FileModel) if f"{key}:" not in text] == []


def test_a_target_inherits_missing_keys_from_global() -> None:
    settings = load(
        """
global: {interval: 1m30s, timeout: 500ms, max_age: 10m}
targets:
  - {name: a, system: genesys_ucs, url: "http://h/"}
  - {name: b, system: genesys_ucs, url: "http://h", interval: 2w, timeout: 1h, max_age: 5w}
"""
    )
    a, b = settings.targets

    assert (a.interval, a.timeout, a.max_age, a.url) == (90, 0.5, 600, "http://h")
    assert (b.interval, b.timeout, b.max_age) == (1209600, 3600, 3024000)


def test_durations_have_their_defaults() -> None:
    (target,) = load('targets: [{name: a, system: genesys_ucs, url: "http://h"}]').targets

    assert (target.interval, target.timeout, target.max_age) == (15, 5, 45)


def test_an_interval_can_be_on_probe() -> None:
    settings = load(
        """
global: {interval: on_probe, timeout: 20s, max_age: 1m}
targets:
  - {name: a, system: genesys_ucs, url: "http://h"}
  - {name: b, system: genesys_ucs, url: "http://h", interval: 30s}
  - {name: c, system: genesys_ucs, url: "http://h", interval: on_probe, timeout: 1h}
"""
    )
    a, b, c = settings.targets

    assert (a.on_probe, a.timeout, a.max_age) == (True, 20, math.inf)
    assert (b.on_probe, b.interval, b.max_age) == (False, 30, 60)
    assert (c.on_probe, c.timeout) == (True, 3600)


def test_plain_scalars_are_text_except_numbers_and_booleans() -> None:
    """`on`, `0012` and `1:30` are text, which YAML 1.1 makes true, 10 and 90 of."""
    (target,) = load(
        """
targets:
  - name: 007
    system: clanforge
    url: http://h
    params: {serverid: 0012}
    labels: {a: on, b: 1:30, c: 12, d: 1_000, e: 0x1F}
"""
    ).targets

    assert target.name == "007"
    assert target.params["serverid"] == "0012"
    assert dict(target.labels) == {"a": "on", "b": "1:30", "c": "12", "d": "1_000", "e": "0x1F"}


@pytest.mark.parametrize(
    ("value", "depth", "why"),
    [
        ("{{<<: [*a{0}, *a{0}]}}", 13, "its aliases stand for "),
        ("[*a{0}, *a{0}]", 13, "its aliases stand for "),
        ("[*a{0}, *a{0}]", 60, "its aliases stand for "),
        ("[*a{0}]", 60, "its aliases make more than 50 levels"),
    ],
)
def test_aliases_of_aliases_are_refused(value: str, depth: int, why: str) -> None:
    anchors = "".join(f"  - &a{at + 1} {value.format(at)}\n" for at in range(depth))
    with pytest.raises(ConfigError) as caught:
        load(f"targets:\n  - &a0 {{name: a}}\n{anchors}")

    (fault,) = caught.value.faults
    assert why in fault


def test_targets_may_share_keys_by_anchors() -> None:
    common = ", ".join(f"l{number}: x" for number in range(50))
    first = f'  - &a {{name: a, system: genesys_ucs, url: "http://h", labels: &l {{{common}}}}}\n'
    others = "".join(f"  - {{<<: *a, name: a{at}, labels: *l}}\n" for at in range(100))
    targets = load(f"targets:\n{first}{others}").targets

    assert {len(target.labels) for target in targets} == {50}
    assert len(targets) == 101


def test_an_empty_label_is_no_label() -> None:
    (target,) = load(
        'targets: [{name: a, system: genesys_ucs, url: "http://h", labels: {site: ""}}]'
    ).targets

    assert dict(target.labels) == {}


def test_anchors_and_merges_are_allowed() -> None:
    settings = load(
        """
targets:
  - &a {name: a, system: genesys_ucs, url: "http://h", interval: 30s}
  - {<<: *a, name: b}
"""
    )

    assert [target.name for target in settings.targets] == ["a", "b"]
    assert [target.interval for target in settings.targets] == [30, 30]


def test_secrets_come_from_the_value_a_variable_or_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "password").write_text("from-file\n", encoding="utf-8")
    (tmp_path / "header").write_text("from-header-file", encoding="utf-8")
    monkeypatch.setenv("PART", "from-environment")
    settings = load(
        """
clients:
  a:
    basic_auth: {username_file: password, password_file: password}
    http_headers:
      X-Many: {values: [plain], secrets: ["<${PART}>"], files: [header]}
  b: {authorization: {type: Token, credentials_file: password}}
  c: {basic_auth: {username: u, password: "pa$$word"}}
targets: [{name: t, system: genesys_ucs, url: "http://h", client: a}]
""",
        tmp_path,
    )
    a, b, c = settings.clients

    assert a.basic_auth
    assert a.basic_auth.username.reveal() == "from-file"
    assert a.basic_auth.password.reveal() == "from-file"
    assert [value.reveal() for value in a.http_headers[0][1]] == [
        "plain",
        "<from-environment>",
        "from-header-file",
    ]
    assert b.authorization
    assert (b.authorization.type, b.authorization.credentials.reveal()) == ("Token", "from-file")
    assert c.basic_auth
    assert c.basic_auth.password.reveal() == "pa$$word"


def test_the_keys_that_take_variables_are_those_of_secrets() -> None:
    secret = {row.key.rpartition(".")[2] for row in rows() if "secret" in row.kind}

    assert secret == SECRET_KEYS


@pytest.mark.parametrize("text", ["5 $", "$", "$5", "$x", "a$NAME", "{NAME}"])
def test_a_text_with_a_dollar_is_no_variable(text: str) -> None:
    (target,) = load(
        f'targets: [{{name: a, system: genesys_ucs, url: "http://h", labels: {{site: "{text}"}}}}]'
    ).targets

    assert target.labels["site"] == text


def test_a_secret_never_prints() -> None:
    settings = load(
        """
clients:
  c:
    basic_auth: {username: canary-user, password: canary-password}
    http_headers: {X-Key: {secrets: [canary-header]}}
    proxy_url: http://user:canary-proxy@proxy:3128
targets: [{name: t, system: genesys_ucs, url: "http://h", client: c}]
"""
    )

    assert "canary" not in repr(settings)
    assert "canary" not in str(settings)


def test_a_file_that_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "config.yaml"
    path.touch(mode=0o000)
    # The folders above it are closed to the user whom root becomes.
    tmp_path.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    user = os.geteuid()
    # Root reads every file.
    os.seteuid(user or _NOBODY)
    try:
        with pytest.raises(ConfigError, match=r"^config\.yaml: Permission denied$"):
            load_file(Path("config.yaml"), SYSTEMS)
    finally:
        os.seteuid(user)


def test_a_file_that_is_missing_a_pipe_or_no_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    with pytest.raises(ConfigError) as missing:
        load_file(path, SYSTEMS)
    path.write_bytes(b"targets: \xff")
    with pytest.raises(ConfigError) as binary:
        load_file(path, SYSTEMS)

    path.unlink()
    os.mkfifo(path)
    with pytest.raises(ConfigError) as pipe:
        load_file(path, SYSTEMS)

    assert pipe.value.faults == (f"{path}: not a regular file",)
    assert missing.value.faults == (f"{path}: No such file or directory",)
    assert binary.value.faults == (f"{path}: not UTF-8 at byte 9",)


def test_control_characters_are_not_yaml() -> None:
    with pytest.raises(ConfigError, match="not valid YAML"):
        load("targets: \x07")
