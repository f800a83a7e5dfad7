"""The settings of the exporter's own port, as an SSL context; what it does is in test_guard_tls."""

import os
import ssl
from dataclasses import replace
from pathlib import Path

import pytest

from exporter.toolkit.server_tls import (
    CIPHERS,
    CLIENT_AUTH,
    CURVES,
    ServerTls,
    make_server_context,
    unnameable_curve,
)
from support.http_client import trusting, write_certificates


@pytest.fixture
def tls(tmp_path: Path) -> ServerTls:
    write_certificates(tmp_path)
    return ServerTls(cert_file=tmp_path / "cert.pem", key_file=tmp_path / "key.pem")


@pytest.mark.parametrize(("name", "expected"), [one for one in CIPHERS.items() if one[1]])
def test_each_name_of_go_is_that_cipher(tls: ServerTls, name: str, expected: str) -> None:
    context = make_server_context(replace(tls, cipher_suites=(name,), max_version="TLS12"))
    older = [one["name"] for one in context.get_ciphers() if one["protocol"] != "TLSv1.3"]

    assert older == [expected]


def test_ciphers_of_tls_13_alone_leave_no_older_version(tls: ServerTls) -> None:
    context = make_server_context(replace(tls, cipher_suites=("TLS_AES_128_GCM_SHA256",)))

    assert context.minimum_version == ssl.TLSVersion.TLSv1_3


def test_ciphers_that_no_version_can_use_are_an_error(tls: ServerTls) -> None:
    suites = ("TLS_AES_128_GCM_SHA256",)
    with pytest.raises(ValueError, match=r"^none of cipher_suites can be used up to TLS12$"):
        make_server_context(replace(tls, cipher_suites=suites, max_version="TLS12"))


@pytest.mark.parametrize("name", CURVES)
def test_each_curve_is_known(tls: ServerTls, name: str) -> None:
    make_server_context(replace(tls, curve_preferences=(name,)))


@pytest.mark.parametrize("error", [ssl.SSLError("unknown group"), ValueError("unknown curve")])
def test_a_curve_that_python_cannot_name_leaves_the_default_groups(
    tls: ServerTls, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    curves = replace(tls, curve_preferences=("X25519",))
    client = trusting()
    client.set_ecdh_curve("prime256v1")

    def set_ecdh_curve(_: ssl.SSLContext, _name: str) -> None:
        raise error

    monkeypatch.setattr(ssl.SSLContext, "set_ecdh_curve", set_ecdh_curve)

    assert unnameable_curve(curves) == "X25519"
    assert unnameable_curve(tls) is None
    assert shake_hands(make_server_context(curves), client)


def test_a_curve_that_python_can_name_is_the_only_one(tls: ServerTls) -> None:
    curves = replace(tls, curve_preferences=("CurveP384",))
    server, client = make_server_context(curves), trusting()

    assert unnameable_curve(curves) is None
    assert shake_hands(server, client)
    client.set_ecdh_curve("prime256v1")
    with pytest.raises(ssl.SSLError):
        shake_hands(server, client)


def shake_hands(server: ssl.SSLContext, client: ssl.SSLContext) -> str | None:
    """Do a handshake in memory and return the version of TLS that was agreed on."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = [
        client.wrap_bio(to_client, to_server, server_hostname="127.0.0.1"),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    while sides:
        for side in tuple(sides):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            sides.remove(side)
            version = side.version()
    return version


@pytest.mark.parametrize("prefer", [True, False])
def test_the_order_of_cipher_suites_can_be_the_clients(tls: ServerTls, prefer: bool) -> None:
    context = make_server_context(replace(tls, prefer_server_cipher_suites=prefer))

    assert bool(context.options & ssl.OP_CIPHER_SERVER_PREFERENCE) is prefer


@pytest.mark.parametrize(("name", "mode"), CLIENT_AUTH.items())
def test_each_client_auth_type_has_its_verify_mode(
    tls: ServerTls, name: str, mode: ssl.VerifyMode
) -> None:
    assert make_server_context(replace(tls, client_auth_type=name)).verify_mode == mode


@pytest.mark.parametrize(
    "changes",
    [
        {"cert_file": Path("/no/such/cert")},
        {"key_file": Path("/no/such/key")},
        {"client_ca_file": Path("/no/such/ca"), "client_auth_type": "VerifyClientCertIfGiven"},
        {"client_ca": "not PEM", "client_auth_type": "VerifyClientCertIfGiven"},
        {
            "client_ca": "",
            "client_ca_file": Path("/"),
            "client_auth_type": "VerifyClientCertIfGiven",
        },
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_an_unusable_file_is_named(tls: ServerTls, changes: dict[str, object]) -> None:
    with pytest.raises(
        ValueError, match=f"{next(iter(changes)).split('_file')[0]}.*cannot be used"
    ):
        make_server_context(replace(tls, **changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["cert_file", "key_file", "client_ca_file"])
def test_a_pipe_is_refused_and_not_waited_for(tls: ServerTls, tmp_path: Path, name: str) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    of_clients = replace(tls, client_auth_type="VerifyClientCertIfGiven", **{name: pipe})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=f"^{name} .* cannot be used: not a regular file$"):
        make_server_context(of_clients)
