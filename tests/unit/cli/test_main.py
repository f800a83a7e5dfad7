"""The command line: what it prints, and the exit codes."""

from pathlib import Path

import pytest

from exporter import __version__
from exporter.cli import main
from exporter.systems import SYSTEMS

GOOD = 'targets: [{name: a, system: genesys_ucs, url: "http://127.0.0.1:1"}]\n'


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(GOOD, encoding="utf-8")
    return path


def test_check_counts_what_a_valid_file_contains(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments in (["check", str(config)], ["check", "--config.file", str(config)]):
        assert main(arguments) == 0
        assert capsys.readouterr().out == "configuration OK: 1 target, 0 clients\n"


@pytest.mark.parametrize("arguments", [["check"], ["serve", "--config.check"], ["--config.check"]])
def test_a_faulty_file_exits_2_with_every_fault_on_standard_error(
    arguments: list[str], config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config.write_text("global: {interval: 1}\ntargets: [{name: a}]\n", encoding="utf-8")

    assert main([*arguments, "--config.file", str(config)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        f"{config}:1:10: global.interval: 1 is not a duration such as 15s, 1m30s or 500ms",
        f"{config}:2:11: targets[0].system: this key is required",
        f"{config}:2:11: targets[0].url: this key is required",
    ]


def test_a_missing_file_is_reported_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = tmp_path / "no.yaml"

    assert main(["serve", "--config.file", str(missing)]) == 2
    assert capsys.readouterr().err == f"{missing}: No such file or directory\n"


def test_the_file_is_named_once(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(config), "--config.file", str(config)]) == 2
    assert "give the file once" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--url", "http://h"], "--system: this flag is required"),
        (["--system", "webitel"], "--url: this flag is required"),
        (["--system", "webitle", "--url", "http://h"], 'did you mean "webitel"?'),
        (["--system", "webitel", "--url", "h"], "--url: a target's url begins with"),
        (["--system", "clanforge", "--url", "http://h"], "--param: clanforge needs the parameter"),
        (
            ["--system", "webitel", "--url", "http://h", "--param", "x"],
            "--param: x is not NAME=VALUE",
        ),
        (
            ["--system", "webitel", "--url", "http://h", "--interval", "5s"],
            "--timeout: 5s (the default",
        ),
        (
            ["--system", "webitel", "--url", "http://h", "--username", "u"],
            "--username: needs --password-file, too",
        ),
        (
            ["--system", "webitel", "--url", "http://h", "--header-file", "X-Key=/no/file"],
            "--header-file: /no/file: No such file",
        ),
        (
            ["--system", "webitel", "--url", "http://h", "--config.file", "c.yaml"],
            "--config.file and --system exclude each other",
        ),
        (
            ["--system", "webitel", "--url", "http://h", "--web.telemetry-path", "/probe"],
            "--web.telemetry-path: /probe is not a path",
        ),
        (
            ["--system", "webitel", "--url", "http://h", "--web.telemetry-path", "metrics"],
            "--web.telemetry-path: metrics is not a path",
        ),
    ],
)
def test_a_wrong_flag_is_named(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_systems_lists_every_metric_with_its_field(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["systems"]) == 0
    out = capsys.readouterr().out

    for system in SYSTEMS.values():
        for family in system.families:
            assert family.name in out
    assert "/Node memory/rss" in out
    assert "params.serverid (required)" in out


def test_systems_lists_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["systems", "mdworkbench"]) == 0
    assert "webitel" not in capsys.readouterr().out
    assert main(["systems", "webitle"]) == 2
    assert 'did you mean "webitel"?' in capsys.readouterr().err


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    first, *facts = capsys.readouterr().out.splitlines()
    assert first == f"status-exporter {__version__}"
    assert [line.split()[0] for line in facts] == ["revision", "date", "python"]


def test_without_a_file_the_message_suggests_what_to_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    assert main([]) == 2
    text = capsys.readouterr().err
    for command in ("demo", "check", "--help"):
        assert f"status-exporter {command}" in text
    assert max(map(len, text.splitlines())) < 100


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["srve"], 'there is no command "srve"; did you mean "serve"?'),
        (["my.yaml"], 'there is no command "my.yaml"; did you mean --config.file my.yaml?'),
        (["--confg.file", "x"], 'serve has no flag --confg.file; did you mean "--config.file"?'),
        (
            ["poll", "a", "--intervall=5s"],
            'poll has no flag --intervall; did you mean "--interval"?',
        ),
        (
            ["set", "a", "b", "c", "--setle", "1s"],
            'set has no flag --setle; did you mean "--settle"?',
        ),
        (["check", "a", "b"], "check takes no further words: b"),
    ],
)
def test_a_misspelt_word_is_corrected(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(arguments)

    assert message in capsys.readouterr().err


def test_check_warns_of_a_url_that_ends_in_an_endpoints_path(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config.write_text(GOOD.replace("127.0.0.1:1", "h/cv/server/status"), encoding="utf-8")

    assert main(["check", str(config)]) == 0
    assert capsys.readouterr().err == (
        f"warning: {config}:1:42: targets[0].url: it ends in /server/status, which the exporter"
        " appends: leave that out\n"
    )


@pytest.mark.parametrize(
    ("system", "url", "path"),
    [
        ("genesys_ucs", "https://{item}/cv/server/status", "/server/status"),
        ("mdworkbench", "http://{item}/mdworkbench/server/state", "/server/state"),
        ("genesys_ucs", "https://{item}/cv", ""),
        ("clanforge", "https://api.example.com", ""),
    ],
)
def test_check_warns_of_a_discovery_url_that_has_the_endpoints_path(
    system: str, url: str, path: str, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config.write_text(
        f"discovery:\n  - system: {system}\n    url: {url}\n    http_sd: {{url: http://h}}\n",
        encoding="utf-8",
    )

    assert main(["check", str(config)]) == 0
    assert capsys.readouterr().err == (
        f"warning: {config}:3:5: discovery[0].url: it ends in {path}, which the exporter appends:"
        " leave that out\n"
        if path
        else ""
    )


def test_check_accepts_a_discovery_whose_name_leaves_room_for_no_item(config: Path) -> None:
    name = "{item}" + "x" * 200
    config.write_text(
        f"discovery: [{{system: webitel, name: '{name}', http_sd: {{url: http://h}}}}]\n",
        encoding="utf-8",
    )

    assert main(["check", str(config)]) == 0


@pytest.mark.parametrize(
    "arguments", [["frobnicate"], ["serve", "--no-such-flag"], ["poll", "a", "b"]]
)
def test_wrong_usage_exits_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)

    assert caught.value.code == 2


def test_poll_requires_a_name_if_there_are_several_targets(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = GOOD.replace("targets: [", "").replace("name: a", "name: b").rstrip("]\n")
    config.write_text(GOOD.replace("]", f", {other}]"), encoding="utf-8")

    assert main(["poll", "--config.file", str(config)]) == 2
    assert capsys.readouterr().err == "name one of the targets: a, b\n"
    assert main(["poll", "c", "--config.file", str(config)]) == 2
    assert capsys.readouterr().err == 'there is no target "c"; known: a, b\n'
