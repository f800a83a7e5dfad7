"""Certificates and keys that cannot be used are named and stay secret."""

import os
import tempfile
from pathlib import Path

import pytest

from exporter.client_tls import make_context
from exporter.secret import Secret
from exporter.settings import Tls
from support.client_certificates import FOREIGN, HOST, OURS, chain, key, result
from support.polling import Polls


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    texts = {
        "cert": chain(OURS),
        "key": key(OURS),
        "garbage": "not PEM at all",
        "empty": "",
        "foreign": key(FOREIGN),
        "encrypted": key(OURS, b"a phrase"),
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "binary").write_bytes(bytes(range(256)))
    return tmp_path


@pytest.mark.parametrize("name", ["missing", "pipe", "garbage", "empty", "binary", "key"])
def test_an_invalid_ca_file_is_named(name: str, folder: Path) -> None:
    with pytest.raises(ValueError, match=f"^ca_file {folder / name} cannot be used: "):
        make_context(Tls(ca_file=folder / name))


@pytest.mark.parametrize("name", ["missing", "pipe", "garbage", "empty", "binary", "key"])
def test_an_invalid_cert_file_is_named(name: str, folder: Path) -> None:
    with pytest.raises(ValueError, match=f"{folder / name}\\b.* cannot be used: "):
        make_context(Tls(cert_file=folder / name, key_file=folder / "key"))


KEYS = ["missing", "pipe", "garbage", "empty", "binary", "cert", "foreign", "encrypted"]


@pytest.mark.parametrize("name", KEYS)
def test_a_key_file_that_cannot_be_used_is_an_error(name: str, folder: Path) -> None:
    # An encrypted key must not ask for its phrase either.
    with pytest.raises(ValueError, match=r"key_file .* cannot be used: "):
        make_context(Tls(cert_file=folder / "cert", key_file=folder / name))


@pytest.mark.parametrize("name", [one for one in KEYS if one != "cert"])
def test_a_key_file_that_cannot_be_used_is_named(name: str, folder: Path) -> None:
    with pytest.raises(ValueError, match=f"{folder / name}\\b"):
        make_context(Tls(cert_file=folder / "cert", key_file=folder / name))


@pytest.mark.parametrize(
    "text",
    ["", "not PEM", key(FOREIGN), key(OURS, b"a phrase"), "\0"],
    ids=["empty", "garbage", "foreign", "encrypted", "NUL"],
)
def test_an_inline_key_that_cannot_be_used_is_an_error_and_stays_secret(text: str) -> None:
    with pytest.raises(ValueError, match="cannot be used: ") as caught:
        make_context(Tls(cert=chain(OURS), key=Secret(text)))

    assert "PRIVATE KEY" not in str(caught.value)
    assert not text or text not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "not PEM",
        "\0",
        "ä",
    ],
)
def test_an_invalid_inline_ca_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="cannot be used: "):
        make_context(Tls(ca=text))


def test_an_inline_key_leaves_no_file_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    make_context(Tls(cert=chain(OURS), key=Secret(key(OURS))))
    with pytest.raises(ValueError, match="cannot be used: "):
        make_context(Tls(cert=chain(OURS), key=Secret("not PEM")))

    assert list(tmp_path.iterdir()) == []


async def test_files_that_became_unusable_are_a_credentials_failure(
    folder: Path, poll: Polls
) -> None:
    actual = await result(f"https://{HOST}:1", Tls(ca_file=folder / "missing"), poll)

    assert actual.startswith(f"credentials: ca_file {folder / 'missing'} cannot be used: ")
