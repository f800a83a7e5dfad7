"""Web configuration files: each rule has one small file that breaks it and the message it gets."""

import re
from pathlib import Path

import pytest
import trustme

from exporter.toolkit.exceptions import WebConfigError
from exporter.toolkit.server_tls import ServerTls
from exporter.toolkit.web_config import RequestLimit, WebConfigFile, WebSettings
from support.http_client import write_certificates
from support.repository import DATA, ROOT

BAD = sorted((DATA / "configs" / "web_bad").glob("*.yaml"))
HASH = "$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi"


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_broken_rule_gives_its_message(
    path: Path, renew: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(path.parent)
    with pytest.raises(WebConfigError) as caught:
        WebConfigFile(Path(path.name)).check()
    actual = "".join(f"{fault}\n" for fault in caught.value.faults)

    expected = path.with_suffix(".txt")
    if renew:
        expected.write_text(actual, encoding="utf-8")

    assert actual == expected.read_text(encoding="utf-8")
    assert "8271" not in actual
    assert all(fault.startswith(path.name) for fault in caught.value.faults)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "web.yaml"


def load(file: Path, text: str) -> WebSettings:
    file.write_text(text, encoding="utf-8")
    web = WebConfigFile(file)
    web.check()
    return web.read()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing\n",
        "tls_server_config: {}",
        "tls_server_config:",
        "tls_server_config: {min_version: TLS13}",
        "tls_server_config: {cert_file: '', key_file: '', client_ca_file: ''}",
        "basic_auth_users:",
        "basic_auth_users: {}",
        "http_server_config: {http2: false}",
        "rate_limit: {interval: 0s, burst: 5}",
        "rate_limit: {burst: 5}",
        "rate_limit: {interval: -1s, burst: 5}",
    ],
)
def test_a_file_can_be_empty(file: Path, text: str) -> None:
    assert load(file, text) == WebSettings()


def test_every_key_becomes_settings(file: Path) -> None:
    issued = trustme.CA().issue_cert("127.0.0.1")
    for name, blob in (
        ("cert.pem", issued.cert_chain_pems[0]),
        ("key.pem", issued.private_key_pem),
        ("ca.pem", issued.cert_chain_pems[0]),
    ):
        blob.write_to_path(file.parent / name)
    settings = load(
        file,
        f"""
tls_server_config:
  cert_file: cert.pem
  key_file: key.pem
  client_ca_file: ca.pem
  client_auth_type: RequireAndVerifyClientCert
  client_allowed_sans: [a.example, 10.0.0.1]
  min_version: TLS12
  max_version: TLS12
  cipher_suites: [TLS_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]
  prefer_server_cipher_suites: false
  curve_preferences: [CurveP256, X25519]
http_server_config:
  http2: false
  headers:
    Strict-Transport-Security: max-age=1
    X-XSS-Protection: 0
basic_auth_users: {{alice: {HASH}, 7: {HASH}}}
rate_limit: {{interval: 250ms, burst: 3}}
""",
    )

    assert settings.tls == ServerTls(
        cert_file=file.parent / "cert.pem",
        key_file=file.parent / "key.pem",
        client_ca_file=file.parent / "ca.pem",
        client_auth_type="RequireAndVerifyClientCert",
        client_allowed_sans=("a.example", "10.0.0.1"),
        max_version="TLS12",
        cipher_suites=("TLS_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
        prefer_server_cipher_suites=False,
        curve_preferences=("CurveP256", "X25519"),
    )
    assert settings.headers == (
        ("Strict-Transport-Security", "max-age=1"),
        ("X-XSS-Protection", "0"),
    )
    assert [name for name, hashed in settings.users.items() if hashed == HASH] == [
        "alice",
        "7",
    ]
    assert settings.rate_limit == RequestLimit(interval=0.25, burst=3)
    assert HASH not in repr(settings)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("1s", 1.0),
        ("1h1m1s", 3661.0),
        ("1.5s", 1.5),
        (".5s", 0.5),
        ("+2us", 2e-6),
        ("3µs", 3e-6),
        ("500000000", 0.5),
    ],
)
def test_an_interval_is_a_duration_of_go(file: Path, written: str, seconds: float) -> None:
    limit = load(file, f"rate_limit: {{interval: {written}, burst: 1}}").rate_limit

    assert limit is not None
    assert limit.interval == pytest.approx(seconds)


def test_settings_stay_the_same_object_until_the_file_changes(file: Path) -> None:
    file.write_text("rate_limit: {interval: 1s}", encoding="utf-8")
    web = WebConfigFile(file)
    first = web.read()
    again = web.read()
    file.write_text("rate_limit: {interval: 2s}", encoding="utf-8")

    assert again is first
    assert web.read().rate_limit == RequestLimit(interval=2.0, burst=0)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"rate_limit: {interval: 1d}", ':1:14: rate_limit.interval: "1d" is not a duration such'),
        (b"", ": the file has become empty"),
        (b"\n", ": the file has become empty"),
        (b"\xff", ": not UTF-8 at byte 0"),
        (b"#" * 1024 * 1024 + b"#", ": more than 1048576 bytes"),
        (None, ": No such file or directory"),
    ],
)
def test_a_file_that_becomes_unusable_is_a_fault_until_it_is_fixed(
    file: Path, content: bytes | None, fault: str
) -> None:
    file.write_text("rate_limit: {interval: 1s}", encoding="utf-8")
    web = WebConfigFile(file)
    web.read()
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    for _ in range(2):
        with pytest.raises(WebConfigError, match=f"^{re.escape(f'{file}{fault}')}"):
            web.read()
    file.write_text("rate_limit: {interval: 3s}", encoding="utf-8")

    assert web.read().rate_limit == RequestLimit(interval=3.0, burst=0)


def test_every_key_is_in_the_document(file: Path) -> None:
    text = (ROOT / "docs" / "web-config.md").read_text(encoding="utf-8")
    file.write_text(
        "{zzz: 1, tls_server_config: {zzz: 1}, rate_limit: {zzz: 1},"
        " http_server_config: {zzz: 1, headers: {zzz: 1}}}",
        encoding="utf-8",
    )
    with pytest.raises(WebConfigError) as caught:
        WebConfigFile(file).read()
    known = [key for fault in caught.value.faults for key in re.split("known: |, ", fault)[1:]]

    assert len(known) == 4 + 13 + 2 + 2 + 5
    assert [key for key in known if f"`{key}`" not in text] == []


def test_the_example_of_the_document_is_valid(file: Path) -> None:
    text = (ROOT / "docs" / "web-config.md").read_text(encoding="utf-8")
    shown = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    write_certificates(file.parent)

    assert [load(file, one).tls is not None for one in shown] == [True]
