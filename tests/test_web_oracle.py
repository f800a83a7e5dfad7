"""The same web configuration files, served by blackbox_exporter and by us, say the same."""

import os
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bcrypt
import pytest
from asking import AUTHORITY, STRANGERS, Answer, ask, basic, trusting, write_certificates
from program import started
from servers import unused_port

from exporter.config import WebFile
from exporter.errors import ConfigError
from exporter.server_tls import CIPHERS

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


def told(answer: Answer) -> tuple[int, tuple[str | None, ...], bytes]:
    """Return what must be the same of two answers: all but the page itself."""
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


@needs_blackbox
def test_passwords_are_answered_alike(file: Path) -> None:
    file.write_text(GUARDED, encoding="utf-8")
    with blackbox(file) as theirs, ours(file) as mine:
        expected = {name: told(ask(theirs, auth=auth)) for name, (auth, _) in LOGINS.items()}
        actual = {name: told(ask(mine, auth=auth)) for name, (auth, _) in LOGINS.items()}

    assert actual == expected
    assert {name: one[0] for name, one in actual.items()} == {
        name: status for name, (_, status) in LOGINS.items()
    }


@needs_blackbox
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
            expected.append(told(ask(theirs, auth=right)))
            actual.append(told(ask(mine, auth=right)))
        file.unlink()
        expected.append(told(ask(theirs, auth=right)))
        actual.append(told(ask(mine, auth=right)))

    assert actual == expected
    assert [one[0] for one in actual] == [*steps.values(), 500]


@needs_blackbox
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
        expected = [told(ask(theirs, auth=auth)) for auth in logins]
        actual = [told(ask(mine, auth=auth)) for auth in logins]

    assert actual == expected
    assert [one[0] for one in actual] == statuses


CLIENTS = {
    "none": None,
    "known": AUTHORITY.issue_cert("scraper.example", "10.1.2.3", "::1", "ops@example.com"),
    "other": AUTHORITY.issue_cert("other.example"),
    "stranger": STRANGERS.issue_cert("scraper.example"),
}
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
# Any certificate will do for them, whoever signed it; here it is verified.
ANY = "client_auth_type: RequireAnyClientCert, client_ca_file: ca.pem"
NEWEST = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}


def tls_text(more: str) -> str:
    return f"tls_server_config: {{cert_file: cert.pem, key_file: key.pem{', ' * bool(more)}{more}}}"


def matrix(address: str, newest: str) -> tuple[int, ...]:
    contexts = [trusting(one, newest=NEWEST[newest]) for one in CLIENTS.values()]
    return tuple(ask(address, context=context).status for context in contexts)


@needs_blackbox
@pytest.mark.parametrize("more", MATRIX)
def test_client_certificates_are_treated_alike(file: Path, more: str) -> None:
    file.write_text(tls_text(more), encoding="utf-8")
    with blackbox(file) as theirs, ours(file) as mine:
        expected = {newest: matrix(theirs, newest) for newest in NEWEST}
        actual = {newest: matrix(mine, newest) for newest in NEWEST}

    assert actual == expected
    assert set(actual.values()) == {MATRIX[more]}


@needs_blackbox
def test_a_certificate_that_is_asked_for_is_verified_here(file: Path) -> None:
    file.write_text(tls_text(ANY), encoding="utf-8")
    with blackbox(file) as theirs, ours(file) as mine:
        assert (matrix(theirs, "TLS13"), matrix(mine, "TLS13")) == (
            (0, 200, 200, 200),
            (0, 200, 200, 0),
        )


ECDHE = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"
VERSIONS = {
    "": (200, 200),
    "min_version: TLS13": (0, 200),
    "max_version: TLS12": (200, 0),
    "min_version: TLS10, max_version: TLS13": (200, 200),
    "cipher_suites: [TLS_AES_128_GCM_SHA256]": (0, 200),
    f"cipher_suites: [{ECDHE}]": (200, 200),
    "cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]": (0, 200),
    "cipher_suites: [], curve_preferences: []": (200, 200),
    "curve_preferences: [CurveP384]": (200, 200),
    "curve_preferences: [CurveP521, X25519], prefer_server_cipher_suites: false": (200, 200),
}


def versions(address: str) -> tuple[int, ...]:
    """Return what came with TLS 1.2 alone and with TLS 1.3 alone."""
    found = []
    for version in NEWEST.values():
        context = trusting(newest=version)
        context.minimum_version = version
        found.append(ask(address, context=context).status)
    return tuple(found)


@needs_blackbox
@pytest.mark.parametrize("more", VERSIONS)
def test_versions_and_ciphers_are_chosen_alike(file: Path, more: str) -> None:
    # HTTP/2 would need a cipher of TLS 1.2 that some of them leave out.
    text = f"{tls_text(more)}\nhttp_server_config: {{http2: false}}\n"
    file.write_text(text, encoding="utf-8")
    with blackbox(file) as theirs, ours(file) as mine:
        expected, actual = versions(theirs), versions(mine)

    assert actual == expected
    assert actual == VERSIONS[more]


@needs_blackbox
def test_one_curve_is_the_only_one_for_both(file: Path) -> None:
    file.write_text(tls_text("curve_preferences: [CurveP384]"), encoding="utf-8")
    context = trusting()
    context.set_ecdh_curve("prime256v1")
    with blackbox(file) as theirs, ours(file) as mine:
        assert (ask(theirs, context=context).status, ask(mine, context=context).status) == (0, 0)


@needs_blackbox
def test_certificates_that_change_later_are_shown_alike(file: Path) -> None:
    """Each step: what clients get that trust the first authority, and the second."""
    file.write_text(tls_text(""), encoding="utf-8")
    folder = file.parent

    def both(address: str) -> tuple[int, ...]:
        contexts = (trusting(), trusting(authority=STRANGERS))
        return tuple(ask(address, context=context).status for context in contexts)

    found = []
    with blackbox(file) as theirs, ours(file) as mine:

        def step() -> None:
            found.append((both(theirs), both(mine)))

        step()
        write_certificates(folder, STRANGERS.issue_cert("127.0.0.1"))
        step()
        (folder / "key.pem").write_text("no key", encoding="utf-8")
        step()
        (folder / "cert.pem").unlink()
        step()
        write_certificates(folder)
        step()
        file.write_text("", encoding="utf-8")
        step()
        file.write_text("tls_server_config: {}", encoding="utf-8")
        step()
        file.write_text("nonsense", encoding="utf-8")
        step()
        file.write_text(tls_text(""), encoding="utf-8")
        step()

    first, second, neither = (200, 0), (0, 200), (0, 0)
    steps = [first, second, neither, neither, first, neither, neither, neither, first]
    assert found == [(one, one) for one in steps]


@needs_blackbox
def test_what_is_different_is_what_the_document_says(file: Path) -> None:
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


GOOD = {
    "",
    "# nothing",
    "tls_server_config: {}",
    "tls_server_config: {min_version: TLS13}",
    "tls_server_config: {cert_file: '', key_file: '', client_auth_type: ''}",
    "basic_auth_users: {}",
    "http_server_config: {http2: false, headers: {X-Frame-Options: sameorigin}}",
    "http_server_config: {headers: {X-Content-Type-Options: nosniff, X-XSS-Protection: 0}}",
    "rate_limit: {interval: 1h2m3.5s4ms, burst: 1}",
    "rate_limit: {interval: 1000, burst: -1}",
    f"basic_auth_users: {{a: '{hashed('a', b'2a')}', b: '{hashed('b')}', 3: '{hashed('c')}'}}",
    tls_text(""),
    tls_text("min_version: TLS10, max_version: TLS11"),
    tls_text(f"cipher_suites: [{', '.join(CIPHERS)}]"),
    tls_text("curve_preferences: [CurveP256, CurveP384, CurveP521, X25519]"),
    *(tls_text(more) for more in MATRIX),
}
# What only we refuse, each for the reason that the document gives.
STRICTER = {
    "tls_server_config: {client_allowed_sans: [a]}",
    "http_server_config: {http2: on}",
    "rate_limit: {interval: 1.5, burst: 1}",
    tls_text("client_auth_type: RequireAnyClientCert"),
    tls_text("cert: x"),
    tls_text("client_ca: x, client_ca_file: ca.pem, client_auth_type: VerifyClientCertIfGiven"),
    tls_text("client_auth_type: RequestClientCert, client_allowed_sans: [a]"),
    tls_text("client_allowed_sans: [a]"),
    tls_text("min_version: TLS13, max_version: TLS12"),
    tls_text("max_version: TLS12, cipher_suites: [TLS_AES_128_GCM_SHA256]"),
    tls_text("client_ca_file: key.pem, client_auth_type: RequireAndVerifyClientCert"),
}
TAKEN_BY_PROMTOOL = {
    "burst_fraction",
    "hash_cost_high",
    "hash_kind",
    "hash_long",
    "hash_salt",
    "hash_short",
    "header_line_end",
    "tls_sans_without_tls",
}


def is_sound_to_us(file: Path) -> bool:
    try:
        WebFile(file).check()
    except ConfigError:
        return False
    return True


def is_sound_to_promtool(file: Path) -> bool:
    assert PROMTOOL
    command = [PROMTOOL, "check", "web-config", str(file)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def judged(file: Path, texts: set[str]) -> dict[str, tuple[bool, bool]]:
    """Return what promtool says of each text, and what we do."""
    found = {}
    for text in sorted(texts):
        file.write_text(text, encoding="utf-8")
        found[text] = (is_sound_to_promtool(file), is_sound_to_us(file))
    return found


@needs_promtool
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1")
def test_promtool_takes_what_we_take(file: Path) -> None:
    assert judged(file, GOOD) == dict.fromkeys(GOOD, (True, True))


@needs_promtool
def test_what_only_we_refuse_is_what_the_document_says(file: Path) -> None:
    assert judged(file, STRICTER) == dict.fromkeys(STRICTER, (True, False))


@needs_promtool
def test_promtool_refuses_what_we_refuse_but_for_what_is_told() -> None:
    bad = HERE / "configs" / "web_bad"
    taken = {path.stem for path in bad.glob("*.yaml") if is_sound_to_promtool(path)}

    assert taken == TAKEN_BY_PROMTOOL
