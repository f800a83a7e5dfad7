"""A real Prometheus scrapes a port that requires TLS, a client certificate and a password."""

import json
from pathlib import Path

import pytest

from support.blackbox import hashed, ours, tls_text
from support.http_client import AUTHORITY, write_certificates
from support.prometheus_server import prometheus, until_answered, until_scraped


@pytest.mark.parametrize(("password", "ups"), [("open sesame", 1), ("open barley", 0)])
def test_prometheus_connects_with_the_required_certificate_and_password(
    server: str, password: str, ups: int, tmp_path: Path
) -> None:
    write_certificates(tmp_path)
    scraper = AUTHORITY.issue_cert("scraper.example")
    scraper.private_key_and_cert_chain_pem.write_to_path(tmp_path / "scraper.pem")
    more = "client_ca_file: ca.pem, client_auth_type: RequireAndVerifyClientCert"
    file = tmp_path / "web.yaml"
    file.write_text(
        f"{tls_text(more)}\nbasic_auth_users: {{prometheus: {hashed('open sesame')}}}\n",
        encoding="utf-8",
    )
    files = {"ca_file": "ca.pem", "cert_file": "scraper.pem", "key_file": "scraper.pem"}
    job = {
        "scheme": "https",
        "tls_config": {key: str(tmp_path / name) for key, name in files.items()},
        "basic_auth": {"username": "prometheus", "password": password},
    }
    settings = "".join(f", {key}: {json.dumps(value)}" for key, value in job.items())
    error = "" if ups else "server returned HTTP status 401 Unauthorized"
    with ours(file) as mine:
        job_text = f'static_configs: [{{targets: ["{mine}"]}}]{settings}'
        with prometheus(server, job_text, tmp_path) as address:
            found = until_answered(address, f"up == {ups}", 1)
            targets = until_scraped(address, error)["activeTargets"]

    assert len(found) == 1
    assert [one["lastError"] for one in targets] == [error]
