"""promtool and this exporter accept the same web configuration files."""

import subprocess
from pathlib import Path

import pytest

from exporter.toolkit.exceptions import WebConfigError
from exporter.toolkit.server_tls import CIPHERS
from exporter.toolkit.web_config import WebConfigFile
from support.blackbox import MATRIX, hashed, tls_text
from support.http_client import write_certificates
from support.repository import DATA
from support.tools import tool


@pytest.fixture
def file(tmp_path: Path) -> Path:
    write_certificates(tmp_path)
    return tmp_path / "web.yaml"


GOOD = {
    "",
    "# nothing",
    "tls_server_config: {}",
    "tls_server_config: {min_version: TLS13}",
    "tls_server_config: {cert_file: '', key_file: '', client_auth_type: ''}",
    "basic_auth_users: {}",
    "http_server_config: {http2: false, headers: {X-Frame-Options: sameorigin}}",
    "http_server_config: {headers: {X-Content-Type-Options: nosniff, X-XSS-Protection: 0}}",
    "rate_limit: {interval: 1h2m3.5s4ms, burst: 1}",
    "rate_limit: {interval: 1000, burst: -1}",
    f"basic_auth_users: {{a: '{hashed('a', b'2a')}', b: '{hashed('b')}', 3: '{hashed('c')}'}}",
    tls_text(""),
    tls_text("min_version: TLS10, max_version: TLS11"),
    tls_text(f"cipher_suites: [{', '.join(CIPHERS)}]"),
    tls_text("curve_preferences: [CurveP256, CurveP384, CurveP521, X25519]"),
    *(tls_text(more) for more in MATRIX),
}
# Files that only this exporter refuses, each for a documented reason.
STRICTER = {
    "tls_server_config: {client_allowed_sans: [a]}",
    "http_server_config: {http2: on}",
    "rate_limit: {interval: 1.5, burst: 1}",
    "tls_server_config: {<<: {min_version: TLS13}}",
    tls_text("client_auth_type: RequireAnyClientCert"),
    tls_text("cert: x"),
    tls_text("client_ca: x, client_ca_file: ca.pem, client_auth_type: VerifyClientCertIfGiven"),
    tls_text("client_auth_type: RequestClientCert, client_allowed_sans: [a]"),
    tls_text("client_allowed_sans: [a]"),
    tls_text("min_version: TLS13, max_version: TLS12"),
    tls_text("max_version: TLS12, cipher_suites: [TLS_AES_128_GCM_SHA256]"),
    tls_text("client_ca_file: key.pem, client_auth_type: RequireAndVerifyClientCert"),
}
TAKEN_BY_PROMTOOL = {
    "burst_fraction",
    "hash_cost_high",
    "hash_kind",
    "hash_long",
    "hash_salt",
    "hash_short",
    "header_line_end",
    "tls_sans_without_tls",
}


def is_sound_to_us(file: Path) -> bool:
    try:
        WebConfigFile(file).check()
    except WebConfigError:
        return False
    return True


def is_sound_to_promtool(file: Path) -> bool:
    command = [tool("promtool", "3"), "check", "web-config", str(file)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def judged(file: Path, texts: set[str]) -> dict[str, tuple[bool, bool]]:
    """Return the verdicts of promtool and of this exporter on each text."""
    found = {}
    for text in sorted(texts):
        file.write_text(text, encoding="utf-8")
        found[text] = (is_sound_to_promtool(file), is_sound_to_us(file))
    return found


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1")
def test_promtool_accepts_what_we_accept(file: Path) -> None:
    assert judged(file, GOOD) == dict.fromkeys(GOOD, (True, True))


def test_what_only_we_refuse_is_documented(file: Path) -> None:
    assert judged(file, STRICTER) == dict.fromkeys(STRICTER, (True, False))


def test_promtool_refuses_what_we_refuse_with_documented_exceptions() -> None:
    bad = DATA / "configs" / "web_bad"
    taken = {path.stem for path in bad.glob("*.yaml") if is_sound_to_promtool(path)}

    assert taken == TAKEN_BY_PROMTOOL
