"""Declarations of logins and actions: their requests, and errors."""

from typing import Any

import pytest

from exporter.declare.login import Login
from exporter.declare.requests import FilledRequest
from exporter.systems import SYSTEMS
from support.declarations import faults_of, system_of

ENDPOINT = {"path": "/x", "fields": [{"gauge": "s_v", "path": "/v"}]}
LOGIN: dict[str, Any] = {
    "request": {"path": "/login", "json": {"user": "{username}", "password": "{password}"}},
    "token": "/token",
    "headers": {"Authorization": "Bearer {token}"},
}


def login(**more: Any) -> Login:
    found = system_of({"endpoints": [ENDPOINT], "login": LOGIN | more}).login
    assert found
    return found


def test_a_login_is_a_post_with_the_words_of_the_client() -> None:
    values = {"username": 'u"', "password": "p\n"}

    assert login().request.fill(values) == FilledRequest(
        "POST",
        "/login",
        (("Content-Type", "application/json"),),
        b'{"user": "u\\"", "password": "p\\n"}',
    )
    assert login(request={"path": "/{username}", "method": "PUT"}).request.fill(
        values
    ) == FilledRequest("PUT", "/u%22", (), b"")


def test_a_cookie_is_sent_as_a_cookie() -> None:
    cookie = {"cookie": "sid"}

    assert login(token=cookie, headers={}).token_headers == {"Cookie": "sid={token}"}
    assert login(token=cookie, headers={"X-Sid": "{token}"}).token_headers == {"X-Sid": "{token}"}
    assert login().token_headers == {"Authorization": "Bearer {token}"}


@pytest.mark.parametrize(
    ("rejected_by", "status", "body", "is_rejected"),
    [
        (None, 401, b"", True),
        (None, 403, b"", False),
        ([{"status": 403}], 403, b"", True),
        ([{"status": 403}], 401, b"", False),
        ([{"status": 400, "matches": "(?i)token expired"}], 400, b'{"x": "Token Expired"}', True),
        ([{"status": 400, "matches": "(?i)token expired"}], 400, b"Bad request", False),
        ([{"status": 400, "matches": "(?i)token expired"}], 401, b"token expired", False),
        ([{"status": 400, "matches": "x"}, {"status": 400, "matches": "y"}], 400, b"\xffy", True),
    ],
)
def test_an_answer_rejects_a_token_or_not(
    rejected_by: Any, status: int, body: bytes, is_rejected: bool
) -> None:
    one = login(**({"rejected_by": rejected_by} if rejected_by else {}))

    assert one.rejects(status, body) is is_rejected
    with_pattern = {item["status"] for item in rejected_by or () if "matches" in item}
    assert set(one.inspected_statuses) == with_pattern


@pytest.mark.parametrize(
    ("read", "is_moment"),
    [
        ("time", True),
        ({"time": "milliseconds"}, True),
        ({"time": "%Y-%m-%d", "zone": "UTC"}, True),
        ("number", False),
        ("milliseconds", False),
        ("duration", False),
    ],
)
def test_a_token_ends_at_a_time_or_after_one(read: Any, is_moment: bool) -> None:
    expires = login(expires={"path": "/e", "read": read}).expires

    assert expires
    assert expires.is_moment is is_moment


FAULTS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "no headers": ({"headers": {}}, [': needs headers, such as {Authorization: "Bearer {token}"}']),
    "a token that is none": (
        {"token": 5},
        ['.token: a path begins with /, such as "/queue/length"'],
    ),
    "a token's name": ({"token": "token"}, [".token: a path begins with /"]),
    "an unknown key": (
        {"token": {"cooky": "x"}},
        [
            ".token.cookie: this key is required",
            '.token.cooky: unknown key; did you mean "cookie"?',
        ],
    ),
    "a word of a header": (
        {"headers": {"X-A": "{password}"}},
        [".headers.X-A: {password} is neither token nor a path of the answer"],
    ),
    "a word of the request": (
        {"request": {"path": "/{user}", "form": {"a": "{pass}"}}},
        [
            ".request: {user} is neither username, password nor a parameter",
            ".request: {pass} is neither username, password nor a parameter",
        ],
    ),
    "a header's name": ({"headers": {"X A": "{token}"}}, ['.headers: "X A" cannot be a header']),
    "a reserved header": ({"headers": {"Host": "{token}"}}, [".headers: Host cannot be set here"]),
    "a reading": (
        {"expires": {"path": "/e", "read": "tme"}},
        ['.expires.read: unknown reading "tme"; did you mean "time"?'],
    ),
    "a good status": (
        {"rejected_by": [{"status": 200}]},
        [".rejected_by[0].status: must be 400 or more"],
    ),
    "no status": ({"rejected_by": []}, [".rejected_by: must not be empty"]),
    "a pattern": (
        {"rejected_by": [{"status": 400, "matches": "("}]},
        [".rejected_by[0].matches: not a regular expression in RE2 syntax: missing )"],
    ),
    "a method": (
        {"request": {"path": "/l", "method": "DELETE"}},
        [".request.method: must be 'GET', 'POST' or 'PUT'"],
    ),
}


@pytest.mark.parametrize(("more", "faults"), FAULTS.values(), ids=FAULTS)
def test_a_login_that_cannot_work_is_refused(more: dict[str, Any], faults: list[str]) -> None:
    found = faults_of({"endpoints": [ENDPOINT], "login": LOGIN | more})

    assert len(found) == len(faults)
    for one, expected in zip(found, sorted(faults), strict=True):
        assert one.startswith(f"login{expected}")


def test_a_parameter_may_be_part_of_a_login() -> None:
    request = {"path": "/{tenant}/login", "json": {"d": "{tenant}{username}"}}
    system = system_of(
        {
            "params": {"tenant": {"help": "T."}},
            "endpoints": [ENDPOINT],
            "login": LOGIN | {"request": request},
        }
    )

    assert system.login
    assert system.login.params == ("tenant",)


FIELDS = [
    {"states": "s_mode", "path": "/mode", "known": ["on", "off", "rest"]},
    {"gauge": "s_kept", "path": "/kept", "read": "flag"},
    {"gauge": "s_calls", "path": "/calls", "labels": {"kind": "open"}},
]
ACTION: dict[str, Any] = {
    "help": "Mode.",
    "request": {"method": "PUT", "path": "/mode", "query": {"v": "{value}", "k": "{keep}"}},
    "values": ["on", "off"],
    "confirmed_by": "s_mode",
    "options": {
        "keep": {"help": "K.", "default": "true", "only_for": ["off"], "confirmed_by": "s_kept"}
    },
    "drain": {
        "after": ["off"],
        "until_zero": {"metric": "s_calls", "labels": {"kind": "open"}},
        "help": "calls",
    },
}


def action_faults(name: str = "mode", **more: Any) -> list[str]:
    return faults_of(
        {"endpoints": [{"path": "/x", "fields": FIELDS}], "actions": {name: ACTION | more}}
    )


def option(**more: Any) -> dict[str, Any]:
    return {"options": {"keep": ACTION["options"]["keep"] | more}}


def test_an_action_has_its_name_and_request() -> None:
    system = system_of(
        {"endpoints": [{"path": "/x", "fields": FIELDS}], "actions": {"mode": ACTION}}
    )
    action = system.actions["mode"]

    assert action.name == "mode"
    assert action.options["keep"].choices == ["false", "true"]
    assert action.request.fill({"value": "off", "keep": "true"}).target == "/mode?v=off&k=true"
    # An option that is not given is not sent.
    assert action.request.fill({"value": "on"}).target == "/mode?v=on"
    assert SYSTEMS["mdworkbench"].actions["state"].name == "state"


ACTION_FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown value": (
        {"values": ["on", "off", "out"]},
        ".values: s_mode does not know each of them",
    ),
    "no values": ({"values": []}, ".values: must not be empty"),
    "no states": ({"confirmed_by": "s_kept"}, '.confirmed_by: no states are named "s_kept"'),
    "an unknown word": (
        {"request": {"method": "PUT", "path": "/{valuex}/{value}/{keep}"}},
        ".request: {valuex} is neither value, an option nor a parameter",
    ),
    "an option that is not sent": (
        {"request": {"method": "PUT", "path": "/{value}"}},
        ".request: {keep} is not part of what is sent",
    ),
    "a request that changes nothing": (
        {"request": {"method": "GET", "path": "/{value}/{keep}"}},
        ".request.method: must be 'POST', 'PUT', 'PATCH' or 'DELETE'",
    ),
    "an option that nothing confirms": (
        option(confirmed_by="s_lost"),
        '.options.keep.confirmed_by: no metric is named "s_lost"',
    ),
    "an option that is no switch": (
        option(choices=["a", "true"]),
        ".options.keep.choices: an option is false or true",
    ),
    "an option's default": (
        option(default="maybe"),
        ".options.keep.choices: an option is false or true",
    ),
    "an option for no value": (
        option(only_for=["rest"]),
        ".options.keep.only_for: these are values of the action",
    ),
    "a drain after no value": (
        {"drain": ACTION["drain"] | {"after": ["rest"]}},
        ".drain.after: these are values of the action",
    ),
    "a drain of no metric": (
        {"drain": ACTION["drain"] | {"until_zero": {"metric": "s_lost"}}},
        '.drain.until_zero: no metric is named "s_lost"',
    ),
    "a drain of no label": (
        {"drain": ACTION["drain"] | {"until_zero": {"metric": "s_calls", "labels": {"a": "b"}}}},
        ".drain.until_zero: s_calls has no such labels",
    ),
}


@pytest.mark.parametrize(("more", "message"), ACTION_FAULTS.values(), ids=ACTION_FAULTS)
def test_an_action_that_cannot_work_is_refused(more: dict[str, Any], message: str) -> None:
    assert action_faults(**more) == [f"actions.mode{message}"]


def test_names_of_actions_and_options_are_words_of_the_command_line() -> None:
    request = {"method": "PUT", "path": "/{value}/{Keep_it}"}
    options = {"Keep_it": ACTION["options"]["keep"]}

    assert action_faults("Set mode") == [
        'actions.Set...: "Set mode" cannot be an action: small letters, digits and -'
    ]
    assert action_faults(request=request, options=options) == [
        'actions.mode.options.Keep_it: "Keep_it" cannot be an option: small letters, digits and -'
    ]
