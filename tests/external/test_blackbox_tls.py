"""blackbox_exporter and this exporter admit the same clients with the same TLS settings."""

import ssl
from pathlib import Path

import pytest

from support.blackbox import MATRIX, blackbox, ours, tls_text
from support.http_client import AUTHORITY, STRANGERS, ask, trusting, write_certificates


@pytest.fixture
def file(tmp_path: Path) -> Path:
    write_certificates(tmp_path)
    return tmp_path / "web.yaml"


CLIENTS = {
    "none": None,
    "known": AUTHORITY.issue_cert("scraper.example", "10.1.2.3", "::1", "ops@example.com"),
    "other": AUTHORITY.issue_cert("other.example"),
    "stranger": STRANGERS.issue_cert("scraper.example"),
}
# blackbox_exporter accepts a certificate of any authority; here it is verified.
ANY = "client_auth_type: RequireAnyClientCert, client_ca_file: ca.pem"
NEWEST = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}


def matrix(address: str, newest: str) -> tuple[int, ...]:
    contexts = [trusting(one, newest=NEWEST[newest]) for one in CLIENTS.values()]
    return tuple(ask(address, context=context).status for context in contexts)


def test_client_certificates_are_treated_alike(file: Path) -> None:
    """Each server's file is rewritten for each row, which affects new connections."""
    file.write_text(tls_text(""), encoding="utf-8")
    expected, actual = {}, {}
    with blackbox(file) as theirs, ours(file) as mine:
        for more in MATRIX:
            file.write_text(tls_text(more), encoding="utf-8")
            for newest in NEWEST:
                expected[more, newest] = matrix(theirs, newest)
                actual[more, newest] = matrix(mine, newest)

    assert actual == expected
    assert actual == {(more, newest): MATRIX[more] for more in MATRIX for newest in NEWEST}


def test_a_requested_certificate_is_verified_here(file: Path) -> None:
    file.write_text(tls_text(ANY), encoding="utf-8")
    with blackbox(file) as theirs, ours(file) as mine:
        assert (matrix(theirs, "TLS13"), matrix(mine, "TLS13")) == (
            (0, 200, 200, 200),
            (0, 200, 200, 0),
        )


ECDHE = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"
VERSIONS = {
    "": (200, 200),
    "min_version: TLS13": (0, 200),
    "max_version: TLS12": (200, 0),
    "min_version: TLS10, max_version: TLS13": (200, 200),
    "cipher_suites: [TLS_AES_128_GCM_SHA256]": (0, 200),
    f"cipher_suites: [{ECDHE}]": (200, 200),
    "cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]": (0, 200),
    "cipher_suites: [], curve_preferences: []": (200, 200),
    "curve_preferences: [CurveP384]": (200, 200),
    "curve_preferences: [CurveP521, X25519], prefer_server_cipher_suites: false": (200, 200),
}


def versions(address: str) -> tuple[int, ...]:
    """Return the results with only TLS 1.2 and with only TLS 1.3."""
    found = []
    for version in NEWEST.values():
        context = trusting(newest=version)
        context.minimum_version = version
        found.append(ask(address, context=context).status)
    return tuple(found)


def test_versions_and_ciphers_are_chosen_alike(file: Path) -> None:
    # HTTP/2 would need a cipher of TLS 1.2 that some of them leave out.
    plain = "\nhttp_server_config: {http2: false}\n"
    file.write_text(tls_text("") + plain, encoding="utf-8")
    expected, actual = {}, {}
    with blackbox(file) as theirs, ours(file) as mine:
        for more in VERSIONS:
            file.write_text(tls_text(more) + plain, encoding="utf-8")
            expected[more], actual[more] = versions(theirs), versions(mine)

    assert actual == expected
    assert actual == VERSIONS


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1")
def test_an_old_version_is_available_if_configured(file: Path) -> None:
    file.write_text(tls_text("min_version: TLS11"), encoding="utf-8")
    context = trusting()
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    found = []
    with blackbox(file) as theirs, ours(file) as mine:
        for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
            context.minimum_version = version
            context.maximum_version = version
            found.append((ask(theirs, context=context).status, ask(mine, context=context).status))

    assert found == [(0, 0), (200, 200)]


def test_a_single_curve_is_the_only_one_on_both_servers(file: Path) -> None:
    file.write_text(tls_text("curve_preferences: [CurveP384]"), encoding="utf-8")
    context = trusting()
    context.set_ecdh_curve("prime256v1")
    with blackbox(file) as theirs, ours(file) as mine:
        assert (ask(theirs, context=context).status, ask(mine, context=context).status) == (0, 0)


def test_certificates_that_change_later_are_shown_alike(file: Path) -> None:
    """Each step: the results of clients that trust the first authority, and the second."""
    file.write_text(tls_text(""), encoding="utf-8")
    folder = file.parent

    def both(address: str) -> tuple[int, ...]:
        contexts = (trusting(), trusting(authority=STRANGERS))
        return tuple(ask(address, context=context).status for context in contexts)

    found = []
    with blackbox(file) as theirs, ours(file) as mine:

        def step() -> None:
            found.append((both(theirs), both(mine)))

        step()
        write_certificates(folder, STRANGERS.issue_cert("127.0.0.1"))
        step()
        (folder / "key.pem").write_text("no key", encoding="utf-8")
        step()
        (folder / "cert.pem").unlink()
        step()
        write_certificates(folder)
        step()
        file.write_text("", encoding="utf-8")
        step()
        file.write_text("tls_server_config: {}", encoding="utf-8")
        step()
        file.write_text("nonsense", encoding="utf-8")
        step()
        file.write_text(tls_text(""), encoding="utf-8")
        step()

    first, second, neither = (200, 0), (0, 200), (0, 0)
    steps = [first, second, neither, neither, first, neither, neither, neither, first]
    assert found == [(one, one) for one in steps]
