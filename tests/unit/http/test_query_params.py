"""Secret query parameters are sent with each request, encoded, and never shown."""

import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from exporter.errors import PollError, Reason
from exporter.http.message import with_query
from exporter.pipeline.request import build
from exporter.runtime.target_state import TargetState
from exporter.secret import Secret
from exporter.settings import Client
from support.polling import OK, Polls, make_target, result
from support.vendor import HEALTHY, Vendor, open_vendor, response

CANARY = "canary-8271/+&= é"
SENT = "canary-8271%2F%2B%26%3D%20%C3%A9"


def client(*params: tuple[str, str | Secret]) -> Client:
    return Client(
        name="c",
        query_params=tuple(
            (name, (one if isinstance(one, Secret) else Secret(one),)) for name, one in params
        ),
    )


def paths(vendor: Vendor) -> list[str]:
    return [one.split(" ")[1] for one in vendor.requests]


async def test_a_parameter_is_sent_with_each_request(vendor: Vendor, poll: Polls) -> None:
    vendor.answer = HEALTHY
    for _ in range(2):
        assert result(await poll(make_target(client=client(("api key", CANARY))))) == OK

    assert paths(vendor) == [f"/server/status?api%20key={SENT}"] * 2
    assert vendor.connections == 1


async def test_every_value_is_sent_in_its_order(vendor: Vendor, poll: Polls) -> None:
    vendor.answer = HEALTHY
    params = (("b", (Secret("1"), Secret("2"))), ("a", (Secret("3"),)))
    await poll(make_target(client=Client(name="c", query_params=params)))

    assert paths(vendor) == ["/server/status?b=1&b=2&a=3"]


async def test_it_follows_the_parameters_of_the_system(vendor: Vendor, poll: Polls) -> None:
    vendor.answer = response(b"{}")
    await poll(make_target("clanforge", client=client(("key", CANARY))))

    assert paths(vendor) == [f"/cfp/v1/server/1200345/status?query_info=true&key={SENT}"]


async def test_a_proxy_gets_it_for_its_target(vendor: Vendor, poll: Polls) -> None:
    vendor.answer = HEALTHY
    one = replace(client(("key", CANARY)), proxy_url=Secret(vendor.url))
    assert result(await poll(make_target(url="http://nonexistent.invalid", client=one))) == OK

    assert paths(vendor) == [f"http://nonexistent.invalid/server/status?key={SENT}"]


async def test_a_file_is_read_again_when_it_changes(
    vendor: Vendor, poll: Polls, tmp_path: Path
) -> None:
    vendor.answer = HEALTHY
    path = tmp_path / "key"
    for number, text in enumerate(["one", "two\n"]):
        path.write_text(text, encoding="utf-8")
        os.utime(path, (number, number))
        assert result(await poll(make_target(client=client(("key", Secret(file=path)))))) == OK

    assert paths(vendor) == ["/server/status?key=one", "/server/status?key=two"]


async def test_a_line_end_is_encoded(vendor: Vendor, poll: Polls) -> None:
    vendor.answer = HEALTHY
    await poll(make_target(client=client(("key", "a\r\nX-Admin: 1"))))

    assert paths(vendor) == ["/server/status?key=a%0D%0AX-Admin%3A%201"]
    assert "\r\nX-Admin" not in vendor.requests[0]


async def test_a_file_that_is_missing_fails_the_poll_and_sends_nothing(
    vendor: Vendor, poll: Polls, tmp_path: Path
) -> None:
    path = tmp_path / "none"
    outcome = (await poll(make_target(client=client(("key", Secret(file=path)))))).outcome

    assert isinstance(outcome, PollError)
    assert outcome.reason is Reason.CREDENTIALS
    assert outcome.detail == f"{path}: No such file or directory"
    assert vendor.requests == []


@pytest.mark.parametrize("form", [CANARY, SENT, SENT.replace("%20", "+"), SENT.replace("%2F", "/")])
async def test_it_is_redacted_where_a_vendor_repeats_it(
    form: str, vendor: Vendor, poll: Polls
) -> None:
    vendor.answer = response(f'{{"error": true, "error_message": "no {form}"}}'.encode())
    outcome = (await poll(make_target("clanforge", client=client(("key", CANARY))))).outcome

    assert str(outcome) == "vendor_error: the vendor reports an error: no <secret>"


def slots_of(tracked: TargetState) -> dict[str, object]:
    return {name: getattr(tracked, name) for name in TargetState.__slots__}


def test_no_repr_contains_it() -> None:
    target = make_target(client=client(("key", CANARY)))
    requests = with_query(build(target), target.client)

    assert requests[0].query == f"?key={SENT}"
    assert (
        "canary"
        not in f"{requests!r} {requests[0].url} {target!r} {slots_of(TargetState(target))!r}"
    )


async def test_it_is_not_added_to_where_a_redirect_leads(poll: Polls) -> None:
    """The Location of the vendor is complete already."""
    async with open_vendor() as moved:
        moved.answer = response(b"", status="302 Found", more="Location: /server/status\r\n")
        one = replace(client(("key", CANARY)), follow_redirects=True)
        await poll(make_target(url=moved.url, client=one))

        assert paths(moved)[0] == f"/server/status?key={SENT}"
        assert set(paths(moved)[1:]) == {"/server/status"}


def test_a_client_without_them_keeps_what_was_built() -> None:
    (request,) = build(make_target())

    assert re.match(rb"GET /server/status HTTP/1.1\r\nHost: 127.0.0.1:1\r\n", request.head)
    assert request.query == ""
