"""A json_exporter module as a client and requests, and configurations that are refused."""

from typing import Any

import pytest
import yaml

from exporter.convert.json_exporter import convert
from exporter.errors import ConfigError
from support.converted_modules import converted


@pytest.mark.parametrize(
    ("given", "client", "comment"),
    [
        ({"follow_redirects": False}, None, ""),
        (
            {"follow_redirects": False, "proxy_url": "http://p:3128"},
            {"proxy_url": "http://p:3128"},
            "",
        ),
        (
            {
                "follow_redirects": False,
                "authorization": {"type": "Token", "credentials_file": "t"},
            },
            {"authorization": {"type": "Token", "credentials_file": "t"}},
            "",
        ),
        (
            {"follow_redirects": False, "bearer_token_file": "t"},
            {"authorization": {"type": "Bearer", "credentials_file": "t"}},
            "",
        ),
        (
            {
                "follow_redirects": False,
                "tls_config": {
                    "ca_file": "ca.pem",
                    "server_name": "x",
                    "insecure_skip_verify": False,
                },
            },
            {
                "tls_config": {
                    "ca_file": "ca.pem",
                    "server_name": "x",
                    "insecure_skip_verify": False,
                }
            },
            "",
        ),
        (
            {
                "follow_redirects": False,
                "oauth2": {
                    "client_id": "c",
                    "client_secret_file": "s",
                    "token_url": "https://t",
                    "scopes": ["a"],
                    "tls_config": {"ca_file": "ca.pem", "ca_ref": "x"},
                },
            },
            {
                "oauth2": {
                    "client_id": "c",
                    "client_secret_file": "s",
                    "token_url": "https://t",
                    "scopes": ["a"],
                    "tls_config": {"ca_file": "ca.pem"},
                }
            },
            "",
        ),
        (
            {"follow_redirects": False, "http_headers": {"X-A": {"files": ["a"]}}},
            {"http_headers": {"X-A": {"files": ["a"]}}},
            "",
        ),
        ({}, {"follow_redirects": True}, "# Followed to the same scheme, host and port only."),
        (
            {"proxy_from_environment": True},
            {"follow_redirects": True},
            "# proxy_from_environment has no counterpart: name the proxy in proxy_url.",
        ),
        (
            {"follow_redirects": False, "basic_auth": {"username": "u", "password_ref": "p"}},
            {"basic_auth": {"username": "u"}},
            "# basic_auth.password_ref has no counterpart.",
        ),
    ],
)
def test_a_client_keeps_its_keys(
    given: dict[str, Any], client: dict[str, Any] | None, comment: str
) -> None:
    metrics = [{"name": "quay_a", "path": "{.a}"}]

    text = converted({"metrics": metrics, "http_client_config": given})

    assert yaml.safe_load(text).get("clients", {}).get("quay") == client
    assert comment in text


def test_secret_headers_go_to_the_client() -> None:
    headers = {"X-Auth-Token": "abc", "Cookie": "s=1", "X-Plain": "x", "Host": "example.com"}

    text = converted({"metrics": [{"name": "quay_a", "path": "{.a}"}], "headers": headers})

    config = yaml.safe_load(text)
    assert config["clients"]["quay"] == {
        "http_headers": {"X-Auth-Token": {"secrets": ["abc"]}, "Cookie": {"secrets": ["s=1"]}}
    }
    assert config["systems"]["quay"]["endpoints"][0]["headers"] == {"X-Plain": "x"}
    assert "# Host cannot be set: use tls_config.server_name of the client." in text


def test_go_templates_become_comments() -> None:
    body = {"content": '{"n": {{ randInt 12 30 }}, "v": "{{ .v | first }}"}', "templatize": True}

    text = converted({"metrics": [{"name": "quay_a", "path": "{.a}"}], "body": body})

    endpoint = yaml.safe_load(text)["systems"]["quay"]["endpoints"][0]
    assert endpoint["body"] == '{"n": {{ randInt 12 30 }}, "v": "{v}"}'
    assert "# Of Go templates only {{ .name | first }} has a counterpart: edit the body." in text


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("modules: [", ["m.yml:2:1: not valid YAML"]),
        ("{}", ["m.yml:1:1: modules: this key is required"]),
        ("modules: {}", ["m.yml:1:1: modules: must not be empty"]),
        (
            "modules:\n  a:\n    metrics:\n    - path: x\n      type: list\n    valid_status_codes: [x]\n",
            [
                "m.yml:4:7: modules.a.metrics[0].name: this key is required",
                "m.yml:5:7: modules.a.metrics[0].type: must be 'value' or 'object'",
                "m.yml:6:26",
            ],
        ),
        (
            "modules:\n  a: {metrics: []}\n  a: {metrics: []}\n",
            ["m.yml:3:3: modules.a: given twice"],
        ),
    ],
)
def test_an_invalid_configuration_is_refused_with_its_position(
    text: str, faults: list[str]
) -> None:
    with pytest.raises(ConfigError) as error:
        convert(text, "m.yml")

    for found, start in zip(error.value.faults, faults, strict=True):
        assert found.startswith(start)


def test_no_secret_is_part_of_a_message() -> None:
    text = "modules: {a: {http_client_config: {basic_auth: {password: [s3cret]}}}}"

    with pytest.raises(ConfigError) as error:
        convert(text, "m.yml")

    assert "s3cret" not in str(error.value)
