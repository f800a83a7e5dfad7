"""The command `declare`: what it reads, what it names the system, and that `check` accepts it."""

import io
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from exporter.cli.parser import run_command
from exporter.errors import ConfigError

DOC = (Path(__file__).parents[3] / "docs" / "declare.md").read_text(encoding="utf-8")
ANSWER = {"status": "UP", "heap_kb": 12}


class Handler(BaseHTTPRequestHandler):
    """Answers with JSON at /status, with what it was sent at /echo, and not at all elsewhere."""

    def do_GET(self) -> None:
        body = json.dumps({"query": self.path.partition("?")[2], "key": self.headers["X-Key"]})
        found = {"/status": json.dumps(ANSWER), "/echo": body}.get(self.path.partition("?")[0])
        self.send_response(404 if found is None else 200)
        self.send_header("Content-Length", str(len(found or "")))
        self.end_headers()
        self.wfile.write((found or "").encode())

    def log_message(self, *_: object) -> None:
        """Write nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def declared(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run_command(["declare", *arguments]) == 0
    return capsys.readouterr().out


def write_answer(folder: Path, name: str = "shop.json") -> Path:
    path = folder / name
    path.write_text(json.dumps(ANSWER))
    return path


def test_a_proposal_is_accepted_by_check(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = write_answer(tmp_path)
    proposal = tmp_path / "config.yaml"
    proposal.write_text(declared(capsys, str(answer)))

    assert run_command(["check", str(proposal), "--sample", f"shop={answer}"]) == 0

    out = capsys.readouterr()
    assert 'shop_heap_bytes{target="sample"} 12288' in out.out
    assert "0 faults, 0 paths that find nothing, 0 unmapped values" in out.err


def test_a_proposal_for_a_text_is_accepted_by_check(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer, proposal = tmp_path / "ups.txt", tmp_path / "config.yaml"
    answer.write_text("STATUS: ONLINE\nLOADPCT: 28.0 Percent\n")
    proposal.write_text(declared(capsys, str(answer)))

    assert run_command(["check", str(proposal), "--sample", f"ups={answer}"]) == 0

    assert 'ups_loadpct_ratio{target="sample"} 0.28' in capsys.readouterr().out


def test_the_example_of_the_document_is_the_real_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = re.search(r"```json\n(.*?)```\n.*?```yaml\n(.*?)```\n", DOC, re.DOTALL)
    assert found
    answer = tmp_path / "shop.json"
    answer.write_text(found[1])

    assert declared(capsys, str(answer)) == found[2]


def test_the_system_is_named_after_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for file, name in (
        ("My Shop.json", "my_shop"),
        ("webitel.json", "own_webitel"),
        ("process.json", "own_process"),
        ("7.json", "system_7"),
    ):
        proposal = declared(capsys, str(write_answer(tmp_path, file)))
        assert [*yaml.safe_load(proposal)["systems"]] == [name]


def test_a_name_can_be_given(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    proposal = declared(capsys, str(write_answer(tmp_path)), "--system", "store")

    assert "store_heap_bytes" in proposal


@pytest.mark.parametrize("name", ["Store", "a-b", "webitel", "python_app", ""])
def test_an_invalid_name_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--system: "):
        run_command(["declare", str(write_answer(tmp_path)), "--system", name])


def test_an_answer_may_come_from_standard_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stdin = io.TextIOWrapper(io.BytesIO(b"<r><up>yes</up><mode>active</mode></r>"))
    monkeypatch.setattr("sys.stdin", stdin)

    proposal = declared(capsys, "-")

    assert "formats: [xml]" in proposal
    assert "path: /r/up" in proposal


def test_a_url_is_requested_once(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    proposal = declared(capsys, f"{url}/status", "--system", "shop")

    endpoint = yaml.safe_load(proposal)["systems"]["shop"]["endpoints"][0]
    assert endpoint["path"] == "/status"
    assert [field.get("gauge") for field in endpoint["fields"]] == [None, "shop_heap_bytes"]


def test_the_query_and_headers_of_a_url_are_sent(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "key").write_text("abc")

    proposal = declared(
        capsys, f"{url}/echo?full=yes", "--header-file", f"X-Key={tmp_path / 'key'}"
    )

    (system,) = yaml.safe_load(proposal)["systems"].values()
    assert system["endpoints"][0]["query"] == {"full": "yes"}
    assert "labels: {query: /query, key: /key}" in proposal


def test_a_failure_is_explained(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty.json").write_text('{"a": null}')
    (tmp_path / "bad.json").write_text('{"a": ')

    for answer, why in (
        (f"{url}/none", "http_404"),
        (str(tmp_path / "empty.json"), "it has no number, flag, state or short text"),
        (str(tmp_path / "bad.json"), "bad_json"),
    ):
        assert run_command(["declare", answer]) == 1
        out = capsys.readouterr()
        assert out.out == ""
        assert why in out.err
    with pytest.raises(ConfigError, match="No such file"):
        run_command(["declare", str(tmp_path / "missing.json")])
