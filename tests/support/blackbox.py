"""Runs blackbox_exporter and the exporter with one web configuration file."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bcrypt

from support.process import started, unused_port
from support.tools import tool


def hashed(password: str, kind: bytes = b"2b", cost: int = 4) -> str:
    salt = bcrypt.gensalt(cost)
    made = bcrypt.hashpw(password.encode()[:72], salt)
    return made.replace(b"2b", kind, 1).decode()


@contextmanager
def blackbox(file: Path) -> Iterator[str]:
    """Run the oracle with the web configuration file; yield its address."""
    modules = file.parent / "modules.yml"
    modules.write_text("modules: {}\n", encoding="utf-8")
    address = f"127.0.0.1:{unused_port()}"
    command = [
        tool("blackbox_exporter", "0.28"),
        f"--config.file={modules}",
        f"--web.config.file={file}",
        f"--web.listen-address={address}",
    ]
    with (file.parent / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            until_listening(file.parent / "log", process)
            yield address
        finally:
            process.kill()
            process.wait()


def until_listening(log: Path, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 60
    while "TLS is " not in log.read_text(encoding="utf-8"):
        assert process.poll() is None, log.read_text(encoding="utf-8")
        assert time.monotonic() < deadline
        time.sleep(0.02)


@contextmanager
def ours(file: Path) -> Iterator[str]:
    config = file.parent / "config.yaml"
    config.write_text(
        'targets: [{name: a, system: genesys_ucs, url: "http://127.0.0.1:1"}]', encoding="utf-8"
    )
    with started(
        *("serve", "--config.file", str(config), "--web.config.file", str(file)),
        *("--web.listen-address", "127.0.0.1:0"),
    ) as (_, address):
        yield address


def tls_text(more: str) -> str:
    return f"tls_server_config: {{cert_file: cert.pem, key_file: key.pem{', ' * bool(more)}{more}}}"


VERIFY = "client_ca_file: ca.pem, client_auth_type: RequireAndVerifyClientCert"
MATRIX = {
    "": (200, 200, 200, 200),
    "client_auth_type: NoClientCert": (200, 200, 200, 200),
    "client_auth_type: RequestClientCert": (200, 200, 200, 200),
    "client_auth_type: RequestClientCert, client_ca_file: ca.pem": (200, 200, 200, 200),
    "client_auth_type: VerifyClientCertIfGiven, client_ca_file: ca.pem": (200, 200, 200, 0),
    "client_auth_type: VerifyClientCertIfGiven": (200, 0, 0, 0),
    "client_auth_type: RequireAndVerifyClientCert": (0, 0, 0, 0),
    VERIFY: (0, 200, 200, 0),
    f"{VERIFY}, client_allowed_sans: [scraper.example]": (0, 200, 0, 0),
    f"{VERIFY}, client_allowed_sans: [10.1.2.3]": (0, 200, 0, 0),
    f'{VERIFY}, client_allowed_sans: ["::1"]': (0, 200, 0, 0),
    f"{VERIFY}, client_allowed_sans: [ops@example.com]": (0, 200, 0, 0),
    f"{VERIFY}, client_allowed_sans: [Scraper.example, '*.example', 10.1.2.0]": (0, 0, 0, 0),
    f"{VERIFY}, client_allowed_sans: [x.example, other.example]": (0, 0, 200, 0),
    f"{VERIFY}, client_allowed_sans: []": (0, 0, 0, 0),
}
