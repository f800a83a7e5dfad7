"""Secrets of a request are redacted from whatever a vendor sends back."""

from base64 import b64encode
from pathlib import Path

import pytest

from exporter.http.message import credentials
from exporter.redact import redact_secrets
from exporter.secret import Secret
from exporter.settings import Authorization, Client, Tls
from support.clients import CANARY, basic, bearer, client_headers
from support.polling import Polls, make_target
from support.vendor import Vendor, response

CLIENTS = {
    "basic": basic("user", Secret(CANARY)),
    "bearer": bearer(Secret(CANARY)),
    "header": client_headers(("X-Key", CANARY)),
    "proxy": Client(name="", proxy_url=Secret(CANARY)),
    "key": Client(name="", tls=Tls(key=Secret(CANARY))),
}


@pytest.mark.parametrize("client", CLIENTS.values(), ids=CLIENTS)
def test_secrets_in_a_text_are_redacted(client: Client) -> None:
    assert redact_secrets(f"no {CANARY}, {CANARY}!", client) == "no <secret>, <secret>!"
    assert CANARY not in repr(client)


def test_a_text_without_a_secret_is_unchanged(tmp_path: Path) -> None:
    client = Client(
        name="",
        authorization=Authorization(type="Bearer", credentials=Secret(file=tmp_path / "none")),
        http_headers=(("X-Key", (Secret(""), Secret(CANARY))),),
    )

    assert redact_secrets(f"said {CANARY}", client) == "said <secret>"


@pytest.mark.parametrize(
    "client",
    [
        CLIENTS["basic"],
        CLIENTS["bearer"],
        CLIENTS["header"],
    ],
    ids=["basic", "bearer", "header"],
)
async def test_a_secret_that_a_vendor_repeats_is_redacted(
    client: Client, vendor: Vendor, poll: Polls
) -> None:
    vendor.answer = response(f'{{"error": true, "error_message": "no {CANARY}"}}'.encode())
    outcome = (await poll(make_target("clanforge", client=client))).outcome

    assert str(outcome) == "vendor_error: the vendor reports an error: no <secret>"


def test_a_secret_that_is_the_prefix_of_another_leaves_no_rest() -> None:
    client = client_headers(("X-A", CANARY), ("X-B", f"{CANARY}-and-more"))

    assert redact_secrets(f"no {CANARY}-and-more", client) == "no <secret>"


def test_basic_credentials_are_redacted_as_sent() -> None:
    client = basic("user", Secret(CANARY))
    ((_, sent),) = credentials(client)

    assert redact_secrets(f"no {sent}", client) == "no Basic <secret>"


async def test_a_truncated_secret_is_redacted(vendor: Vendor, poll: Polls) -> None:
    message = "x" * 192 + CANARY
    vendor.answer = response(f'{{"error": true, "error_message": "{message}"}}'.encode())
    outcome = (await poll(make_target("clanforge", client=CLIENTS["bearer"]))).outcome

    assert CANARY[:8] not in str(outcome)


@pytest.mark.parametrize(
    ("secret", "times"), [(CANARY * 1000, 1), (CANARY * 10, 40)], ids=["long", "often"]
)
async def test_a_secret_at_the_end_of_a_truncated_message_is_redacted(
    secret: str, times: int, vendor: Vendor, poll: Polls
) -> None:
    message = f"no {secret} " * times
    vendor.answer = response(f'{{"error": true, "error_message": "{message}"}}'.encode())
    outcome = (await poll(make_target("clanforge", client=bearer(Secret(secret))))).outcome

    assert CANARY[:8] not in str(outcome)


async def test_a_truncated_long_token_is_redacted(vendor: Vendor, poll: Polls) -> None:
    token = CANARY * 1000
    vendor.answer = response(f'{{"mode": "production", "used_memory": "{token}"}}'.encode())
    outcome = (await poll(make_target(client=bearer(Secret(token))))).outcome

    assert "<secret>" in str(outcome)
    assert CANARY not in str(outcome)


@pytest.mark.parametrize(
    "form",
    [f"{CANARY}%40", f"{CANARY}@", b64encode(f"user:{CANARY}@".encode()).decode()],
    ids=["as written", "as meant", "as sent"],
)
def test_the_password_of_a_proxy_is_redacted_in_every_form(form: str) -> None:
    client = Client(name="", proxy_url=Secret(f"http://user:{CANARY}%40@proxy"))

    assert redact_secrets(f"no {form}!", client) == "no <secret>!"
