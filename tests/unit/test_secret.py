"""Secrets are read again when their files change, without blocking, and are redacted."""

import base64
import html
import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporter import redact
from exporter.declare.extraction import Extraction, Sample
from exporter.declare.readings import text as label_text
from exporter.errors import PollError, Reason
from exporter.http.client import PooledClient
from exporter.http.connections import Connections
from exporter.pipeline.request import build
from exporter.pipeline.snapshot import PollCounts, PollResult, take_snapshot
from exporter.redact import redact_secrets
from exporter.runtime.poll_run import PollRun
from exporter.runtime.poll_run import poll as poll_once
from exporter.secret import Secret
from exporter.settings import Authorization, BasicAuth, Client, Target
from exporter.toolkit.negotiate import Format
from exporter.web.exposition import END, expose_targets
from support.polling import FIXED, NOW, Polls, lines_of, make_target
from support.vendor import Vendor, response

CANARY = 'canary/"x y'


def client() -> Client:
    return Client(
        name="c",
        authorization=Authorization(type="Bearer", credentials=Secret("canary-bearer")),
        http_headers=(
            ("X-Key", (Secret(CANARY),)),
            ("X-Tenant", (Secret("production", is_plain=True),)),
        ),
    )


def reason(secret: Secret) -> Reason:
    with pytest.raises(PollError) as caught:
        secret.reveal()
    return caught.value.reason


def test_a_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("one\n", encoding="utf-8")
    secret = Secret(file=path)
    first = secret.reveal()
    path.write_text("another\n", encoding="utf-8")

    assert (first, secret.reveal()) == ("one", "another")


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)

    assert reason(Secret(file=path)) is Reason.CREDENTIALS


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff", b"x" * 100_000])
def test_a_file_without_a_secret_fails_the_poll(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_bytes(content)

    assert reason(Secret(file=path)) is Reason.CREDENTIALS


def test_a_secret_does_not_print() -> None:
    assert "canary" not in f"{Secret(CANARY)!r} {Secret(CANARY)} {client()}"


async def test_a_secret_that_a_vendor_returns_is_redacted_in_labels(
    vendor: Vendor, poll: Polls
) -> None:
    vendor.answer = response(
        b'{"mode": "production", "version": "Bearer canary-bearer, canary/\\"x y"}'
    )
    target = make_target(client=client())
    snapshot = take_snapshot(target, await poll(target), PollCounts(polls=1))
    text = lines_of(target, snapshot)

    assert "canary" not in text
    assert 'version="Bearer <secret>, <secret>"' in text
    assert 'mode="production"} 1' in text


@pytest.mark.parametrize(
    "encode",
    [
        lambda secret: secret.encode().hex(),
        lambda secret: secret.encode().hex().upper(),
        lambda secret: base64.b64encode(secret.encode()).decode(),
        lambda secret: base64.b64encode(secret.encode()).decode().rstrip("="),
        lambda secret: base64.urlsafe_b64encode(secret.encode()).decode(),
        str.upper,
        str.lower,
        html.escape,
        lambda secret: html.escape(secret).replace("&quot;", "&#34;").replace("&#x27;", "&#39;"),
        lambda secret: html.escape(secret, quote=False).replace("'", "&apos;"),
        lambda secret: quote(secret, safe="").lower().replace("s", "S"),
    ],
)
def test_the_common_encodings_of_a_secret_are_redacted(encode: Callable[[str], str]) -> None:
    secret = "S'>\"&?/\u00ff\u00bf~"  # Its base64 differs from the form for URLs.
    one = Client(name="c", http_headers=(("X-Key", (Secret(secret),)),))

    assert redact_secrets(f"a {encode(secret)} b", one) == "a <secret> b"


# Characters of the page's syntax, so that secrets and answers often contain them.
_pieces = st.sampled_from(
    ["mode", "genesys_ucs_mode", "target", "t", "{", "}", '="', '"', "\\", "\n", ",", " 1", "# EOF"]
) | st.text(st.characters(exclude_categories=["Cs"]), max_size=3)
_texts = st.lists(_pieces, max_size=6).map("".join)


@given(secret=_texts, text=_texts, form=st.sampled_from([*Format]))
def test_a_page_with_any_redacted_text_can_be_parsed(secret: str, text: str, form: Format) -> None:
    values = [text, f"{text}{secret}", secret]
    samples = [Sample("genesys_ucs_mode", (("mode", value),), 1.0) for value in values]
    one = Client(name="c", http_headers=(("X-Key", (Secret(secret),)),))
    target = make_target(client=one)
    snapshot = take_snapshot(
        target, PollResult(Extraction.of(samples), 0.1, NOW, 0.0), PollCounts(polls=1)
    )
    page = b"".join((*expose_targets([(target, snapshot)], form), END[form])).decode()
    parse = parse_openmetrics if form is Format.OPENMETRICS else parse_text
    found = {
        (*sample.labels,)
        for family in parse(page)
        for sample in family.samples
        if sample.name == "genesys_ucs_mode"
    }

    assert found == {("target", "mode")}
    if len(secret) >= 4:
        shown = {dict(labels)["mode"] for _, labels in snapshot.served.series}
        assert not any(secret in value.replace("<secret>", "\ud800") for value in shown)


def test_a_secret_is_redacted_in_its_printable_form() -> None:
    one = Client(name="c", http_headers=(("X-Key", (Secret(" hunter\u200b22 "),)),))

    assert redact_secrets("a " + label_text(" hunter\u200b22 ") + " b", one) == "a <secret> b"


def test_the_forms_of_a_long_token_are_not_kept() -> None:
    before = redact._known_forms.cache_info().currsize
    token = "x" * 10_000

    assert redact_secrets(f"a {token} b", Client(name="c"), [token]) == "a <secret> b"
    assert redact._known_forms.cache_info().currsize == before


def test_a_short_secret_makes_no_long_form() -> None:
    one = Client(name="c", http_headers=(("X-Key", (Secret("12"),)),))

    assert redact_secrets("serial 3132", one) == "serial 3132"


def test_a_token_that_cannot_be_encoded_is_redacted() -> None:
    assert redact_secrets("a \ud800 secret", Client(name="c"), ["\ud800 secret"]) == "a <secret>"


async def test_a_user_name_from_a_file_is_a_secret_too(
    vendor: Vendor, poll: Polls, tmp_path: Path
) -> None:
    (tmp_path / "user").write_text("canary-user", encoding="utf-8")
    auth = BasicAuth(username=Secret(file=tmp_path / "user"), password=Secret("canary-password"))
    vendor.answer = response(b'{"error": true, "error_message": "user canary-user is locked"}')
    outcome = (
        await poll(make_target("clanforge", client=Client(name="c", basic_auth=auth)))
    ).outcome

    assert isinstance(outcome, PollError)
    assert outcome.detail == "the vendor reports an error: user <secret> is locked"


class Crashing(Connections):
    """Raises an unexpected exception whose message contains a secret."""

    def client_of(self, target: Target) -> PooledClient:
        raise RuntimeError(f"no way to {target.name} with canary-bearer")


async def test_an_unexpected_exception_fails_one_poll_and_shows_no_secret(
    caplog: pytest.LogCaptureFixture,
) -> None:
    target = make_target(client=client())
    outcome = (await poll_once(PollRun(target, build(target), Crashing(FIXED), FIXED))).outcome

    assert isinstance(outcome, PollError)
    assert outcome.reason is Reason.INTERNAL
    (record,) = caplog.records
    trace = str(record.__dict__["facts"]["traceback"])
    assert "RuntimeError: no way to t with <secret>" in trace
    assert "canary" not in trace + str(outcome)
