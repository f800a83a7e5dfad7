"""Runs blackbox_exporter and ourselves with one web configuration file, where there is the former."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bcrypt
import pytest
from program import started
from servers import unused_port

HERE = Path(__file__).parent
UNPACKED = HERE.parent / ".tools" / "prometheus3" / "usr" / "bin"


def tool(name: str, variable: str) -> str | None:
    """Find a program that was unpacked beside the project or is named in the environment."""
    candidates = (os.environ.get(variable, ""), str(UNPACKED / name))
    return next((path for path in candidates if path and Path(path).is_file()), None)


BLACKBOX = tool("prometheus-blackbox-exporter", "BLACKBOX_EXPORTER")
PROMTOOL = tool("promtool", "PROMTOOL")
needs_blackbox = pytest.mark.skipif(not BLACKBOX, reason="no blackbox_exporter 0.28 here")
needs_promtool = pytest.mark.skipif(not PROMTOOL, reason="no promtool 3 here")


def hashed(password: str, kind: bytes = b"2b", cost: int = 4) -> str:
    salt = bcrypt.gensalt(cost)
    made = bcrypt.hashpw(password.encode()[:72], salt)
    return made.replace(b"2b", kind, 1).decode()


@contextmanager
def blackbox(file: Path) -> Iterator[str]:
    """Run the oracle with the web configuration file; yield its address."""
    assert BLACKBOX
    modules = file.parent / "modules.yml"
    modules.write_text("modules: {}\n", encoding="utf-8")
    address = f"127.0.0.1:{unused_port()}"
    command = [
        BLACKBOX,
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
