"""blackbox_exporter and this exporter act alike on the same web configuration files."""

from pathlib import Path

import pytest

from support.blackbox import blackbox, hashed, ours, tls_text
from support.http_client import Answer, ask, basic, write_certificates


@pytest.fixture
def file(tmp_path: Path) -> Path:
    write_certificates(tmp_path)
    return tmp_path / "web.yaml"


HEADERS = (
    "WWW-Authenticate",
    "Strict-Transport-Security",
    "X-Frame-Options",
    "X-XSS-Protection",
)


def comparable(answer: Answer) -> tuple[int, tuple[str | None, ...], bytes]:
    """Return the parts of an answer that must be equal: all but the page itself."""
    shown = tuple(answer.headers.get(name) for name in HEADERS)
    return answer.status, shown, b"" if answer.status == 200 else answer.body


LONG = "x" * 72
NUL = "a\0b"
GUARDED = f"""
http_server_config:
  headers:
    Strict-Transport-Security: max-age=31536000
    X-Frame-Options: deny
    X-XSS-Protection: 0
basic_auth_users:
  alice: "{hashed("wonderland")}"
  2a: "{hashed("a", b"2a")}"
  2y: "{hashed("y", b"2y")}"
  long: "{hashed(LONG)}"
  "jürgen": "{hashed("grüße")}"
  empty: "{hashed("")}"
  nul: "{hashed(NUL)}"
"""
LOGINS = {
    "right": (basic("alice", "wonderland"), 200),
    "right, once more": (basic("alice", "wonderland"), 200),
    "wrong": (basic("alice", "underland"), 401),
    "wrong, once more": (basic("alice", "underland"), 401),
    "unknown": (basic("bob", "fakepassword"), 401),
    "none": (None, 401),
    "2a": (basic("2a", "a"), 200),
    "2y": (basic("2y", "y"), 200),
    "72 bytes": (basic("long", LONG), 200),
    "what is behind 72 bytes": (basic("long", LONG + "y"), 200),
    "71 bytes": (basic("long", LONG[:-1]), 401),
    "UTF-8": (basic("jürgen", "grüße"), 200),
    "empty password": (basic("empty", ""), 200),
    "empty name": (basic("", ""), 401),
    "NUL": (basic("nul", NUL), 200),
    "NUL cut off": (basic("nul", "a"), 401),
    "colon in the password": (basic("alice", "wonder:land"), 401),
    "no colon": ("Basic YWxpY2U=", 401),
    "not base64": ("Basic alice:wonderland", 401),
    "base64 not padded": (basic("alice", "wonderland").rstrip("="), 401),
    "two blanks": (basic("alice", "wonderland").replace(" ", "  "), 401),
    "lower case": (basic("alice", "wonderland").replace("Basic", "basic"), 200),
    "no UTF-8": ("Basic /zr/", 401),
    "other scheme": ("Bearer abc", 401),
    "scheme alone": ("Basic", 401),
    "nothing": ("", 401),
}


def test_passwords_are_answered_alike(file: Path) -> None:
    file.write_text(GUARDED, encoding="utf-8")
    with blackbox(file) as theirs, ours(file) as mine:
        expected = {name: comparable(ask(theirs, auth=auth)) for name, (auth, _) in LOGINS.items()}
        actual = {name: comparable(ask(mine, auth=auth)) for name, (auth, _) in LOGINS.items()}

    assert actual == expected
    assert {name: one[0] for name, one in actual.items()} == {
        name: status for name, (_, status) in LOGINS.items()
    }


def test_a_file_that_changes_later_is_answered_alike(file: Path) -> None:
    right = basic("alice", "wonderland")
    steps = {
        "basic_auth_users: {": 500,
        "nonsense: 1": 500,
        "http_server_config: {headers: {Server: x}}": 500,
        "tls_server_config: {min_version: TLS9}": 500,
        f'basic_auth_users: {{alice: "{hashed("other")}"}}': 401,
        "http_server_config: {headers: {X-Frame-Options: sameorigin}}": 200,
        "rate_limit: {interval: 1h, burst: 0}": 200,
        "tls_server_config: {cert_file: cert.pem, key_file: key.pem}": 200,
        GUARDED: 200,
    }
    file.write_text(GUARDED, encoding="utf-8")
    expected, actual = [], []
    with blackbox(file) as theirs, ours(file) as mine:
        for text in steps:
            file.write_text(text, encoding="utf-8")
            expected.append(comparable(ask(theirs, auth=right)))
            actual.append(comparable(ask(mine, auth=right)))
        file.unlink()
        expected.append(comparable(ask(theirs, auth=right)))
        actual.append(comparable(ask(mine, auth=right)))

    assert actual == expected
    assert [one[0] for one in actual] == [*steps.values(), 500]


@pytest.mark.parametrize(
    ("limit", "statuses"),
    [
        ("{interval: 1h, burst: 2}", [200, 401, 429, 429]),
        ("{interval: 3600000000000, burst: 1}", [200, 429, 429, 429]),
        ("{interval: 1h}", [429, 429, 429, 429]),
        ("{interval: 0, burst: 1}", [200, 401, 200, 401]),
        ("{interval: -1s, burst: 1}", [200, 401, 200, 401]),
        ("{burst: 1}", [200, 401, 200, 401]),
    ],
)
def test_a_rate_limit_is_answered_alike(file: Path, limit: str, statuses: list[int]) -> None:
    file.write_text(f"{GUARDED}rate_limit: {limit}\n", encoding="utf-8")
    logins = [basic("alice", "wonderland"), None] * 2
    with blackbox(file) as theirs, ours(file) as mine:
        expected = [comparable(ask(theirs, auth=auth)) for auth in logins]
        actual = [comparable(ask(mine, auth=auth)) for auth in logins]

    assert actual == expected
    assert [one[0] for one in actual] == statuses


def test_all_differences_are_documented(file: Path) -> None:
    file.write_text(f"{GUARDED}rate_limit: {{interval: 1h, burst: 0}}\n", encoding="utf-8")
    with blackbox(file) as theirs, ours(file) as mine:
        healthy = ask(theirs, "/-/healthy").status, ask(mine, "/-/healthy").status
    file.write_text(GUARDED, encoding="utf-8")
    with blackbox(file) as theirs, ours(file) as mine:
        asked = ask(theirs, "/-/healthy").status, ask(mine, "/-/healthy").status
        file.write_text("", encoding="utf-8")
        emptied = ask(theirs).status, ask(mine).status
        file.write_text("basic_auth_users: {alice: x}", encoding="utf-8")
        no_hash = ask(theirs).status, ask(mine).status
    file.write_text(tls_text(""), encoding="utf-8")
    with blackbox(file) as theirs, ours(file) as mine:
        plain = ask(theirs).status, ask(mine).status

    assert healthy == (429, 200)
    assert asked == (401, 200)
    assert emptied == (200, 500)
    assert no_hash == (401, 500)
    assert plain == (400, 0)
