"""The documents name everything that exists, and nothing else."""

import argparse
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
import yaml
from prometheus_client import Metric

from exporter import __version__
from exporter.cli.parser import command_parsers, make_parser
from exporter.cli.systems_command import markdown, markdown_table
from exporter.config import load_text
from exporter.errors import Reason
from exporter.pipeline.render import TARGET_FAMILIES
from exporter.runtime.target_builder import TargetBuilder
from exporter.runtime.target_groups import ListText
from exporter.runtime.timing import rounds
from exporter.systems import SYSTEMS
from exporter.telemetry import Telemetry
from support.documents import PAGES, README, yaml_blocks
from support.repository import ROOT

METRICS = ROOT / "docs" / "metrics.md"
START, END = "<!-- metrics: written by `make docs` -->\n", "<!-- end of metrics -->"


def own_families() -> Iterator[Metric]:
    for family in Telemetry().registry.collect():
        if family.name.startswith("status_exporter_"):
            yield family


def reference() -> str:
    """Write the metrics reference from the declarations."""
    lines = [line for system in SYSTEMS.values() for line in markdown(system)]
    lines += ["## Every target\n", *markdown_table(TARGET_FAMILIES), ""]
    lines += ["## Reasons\n", "`reason` is one of:\n", "| reason | meaning |\n| --- | --- |"]
    lines += [f"| `{reason}` | {reason.meaning} |" for reason in Reason]
    lines += ["", "## The exporter itself\n", "| metric | type | meaning |\n| --- | --- | --- |"]
    for family in own_families():
        suffix = {"counter": "_total", "info": "_info"}.get(family.type, "")
        lines.append(f"| `{family.name}{suffix}` | {family.type} | {family.documentation} |")
    lines += ["", "`process_*` and `python_*` are the usual metrics of a Python exporter.", ""]
    return "\n".join(lines)


def test_the_metrics_reference_is_that_of_the_declarations(renew: bool) -> None:
    text = METRICS.read_text(encoding="utf-8")
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    expected = f"{before}{START}\n{reference()}\n{END}{after}"
    if renew:
        METRICS.write_text(expected, encoding="utf-8")
        text = expected

    assert text == expected


def test_every_configuration_in_readme_loads(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    for name in ("ucs", "webitel"):
        (tmp_path / "secrets" / name).write_text("s", encoding="utf-8")
    first, *others = [block for block in yaml_blocks() if "scrape_configs" not in block]
    loaded = [load_text(block, "README.md", tmp_path, SYSTEMS) for block in (first, *others)]

    assert [one.system.name for settings in loaded for one in settings.targets] == [
        "genesys_ucs",
        "webitel",
        "storage",
    ]
    # The first file of a new user fits one look.
    assert len(first.splitlines()) <= 15


def test_readme_is_short() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 200


def test_every_example_of_discovery_works(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "discovery.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```(yaml|json)\n(.*?)```", text, re.DOTALL)
    (tmp_path / "secrets").mkdir()
    for name in ("ucs", "clanforge", "inventory"):
        (tmp_path / "secrets" / name).write_text("s", encoding="utf-8")
    fleet, ids, addresses, listed = (body for _, body in blocks)
    (clanforge,) = load_text(fleet, "discovery.md", tmp_path, SYSTEMS).discoveries
    (ucs,) = load_text(addresses, "discovery.md", tmp_path, SYSTEMS).discoveries

    assert [
        *TargetBuilder(clanforge.template, lambda _: True)
        .build(ListText(ids.encode(), "ids", is_yaml=True).groups())
        .targets
    ] == ["cf-1200345", "cf-1200346", "cf-1200349"]
    assert [
        (one.url, dict(one.labels))
        for one in TargetBuilder(ucs.template, lambda _: True)
        .build(ListText(listed.encode(), "list").groups())
        .targets.values()
    ] == [
        ("https://10.0.0.1:8080/cv", {"team": "voice", "site": "ams"}),
        ("https://10.0.0.2:8080/cv", {"team": "voice", "site": "ams"}),
    ]


def test_every_yaml_in_readme_is_yaml() -> None:
    for block in yaml_blocks():
        yaml.safe_load(block)


def flags() -> Iterator[str]:
    parsers = [make_parser()]
    for action in make_parser()._actions:
        if isinstance(action, argparse._SubParsersAction):
            parsers += action.choices.values()
    for parser in parsers:
        for action in parser._actions:
            yield from action.option_strings


COMMAND_LINE = ROOT / "docs" / "command-line.md"


def test_every_flag_and_command_is_on_its_page() -> None:
    text = COMMAND_LINE.read_text(encoding="utf-8")
    shown = set(re.findall(r"--[a-z][a-z.-]*", text))
    rows = set(re.findall(r"^\| `([a-z]+)", text, re.MULTILINE))

    assert set(flags()) - shown == {"-h"}
    assert shown - set(flags()) == set()
    assert command_parsers(make_parser()).keys() <= rows


@pytest.mark.parametrize("name", ["README.md", "docs/troubleshooting.md", "docs/operating.md"])
def test_a_page_names_only_existing_flags(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")

    assert set(re.findall(r"(?<![\w-])--[a-z][a-z.-]*[a-z]", text)) - set(flags()) <= {
        "--unix-socket"
    }


def test_readme_opens_with_the_two_commands() -> None:
    opening = README.read_text(encoding="utf-8").splitlines()[:12]

    assert any("make demo" in line for line in opening)
    assert any("make test" in line for line in opening)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_targets_of_links_exist(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))

    assert [link for link in links if not (page.parent / link).exists()] == []


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-") for one in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_sections_of_links_exist(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]*)#([^)]*)\)", page.read_text(encoding="utf-8"))
    missing = [
        (name, anchor)
        for name, anchor in links
        if anchor not in anchors(page.parent / name if name else page)
    ]

    assert missing == []


def test_the_list_of_pages_has_every_page() -> None:
    index = ROOT / "docs" / "README.md"
    text = index.read_text(encoding="utf-8")
    linked = {(index.parent / link).resolve() for link in re.findall(r"\]\(([^)#:]+)", text)}
    pages = [page for page in PAGES if page != index and "runbooks" not in str(page)]

    assert [str(page.relative_to(ROOT)) for page in pages if page.resolve() not in linked] == []


def test_troubleshooting_has_every_reason() -> None:
    text = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")

    assert [reason for reason in Reason if f"`{reason}`" not in text] == []


@pytest.mark.parametrize("name", ["operating.md", "scaling.md"])
def test_a_page_has_the_back_off_of_failed_polls(name: str) -> None:
    words = {1: "one", 2: "two", 4: "four", 5: "five"}
    first, second, third, last = (words[rounds(failures)] for failures in (1, 2, 3, 1000))

    text = " ".join((ROOT / "docs" / name).read_text().split())
    assert (
        f"again after {first}, {second} and {third} intervals, and then after every {last}." in text
    )


def test_the_page_about_verifying_names_what_a_release_has() -> None:
    text = (ROOT / "docs" / "verifying.md").read_text(encoding="utf-8")
    workflow = (ROOT / ".github" / "workflows" / "release.yaml").read_text(encoding="utf-8")
    with (ROOT / "pyproject.toml").open("rb") as file:
        home = tomllib.load(file)["project"]["urls"]["Homepage"]

    assert set(re.findall(r"[-:]([0-9]+\.[0-9]+\.[0-9]+)\b", text)) == {__version__}
    assert f"REPOSITORY={'/'.join(home.split('/')[-2:])}\n" in text
    assert workflow.count("uses: actions/attest-build-provenance@") == 3
    assert "--provenance mode=max --sbom true" in workflow
    for name in ("dist/status*", "charts", "$REGISTRY", "linux/amd64,linux/arm64"):
        assert name in workflow


def test_every_page_is_linked_from_another() -> None:
    linked = {README.resolve()}
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        linked |= {(page.parent / link).resolve() for link in re.findall(r"\]\(([^)#:]+)", text)}
    # Runbooks are in a folder that is linked, and in every alert.
    alone = [page for page in PAGES if page.resolve() not in linked and "runbooks" not in str(page)]

    assert [str(page.relative_to(ROOT)) for page in alone] == []


@pytest.mark.parametrize(
    "page", sorted((ROOT / "docs" / "systems").glob("*.md")), ids=lambda page: page.stem
)
def test_a_systems_page_has_a_configuration_that_loads(page: Path, tmp_path: Path) -> None:
    text = page.read_text(encoding="utf-8")
    (block,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    (tmp_path / "secrets").mkdir()
    for name in re.findall(r"secrets/([\w-]+)", block):
        (tmp_path / "secrets" / name).write_text("s", encoding="utf-8")
    (target,) = load_text(block, page.name, tmp_path, SYSTEMS).targets

    assert target.system.name.partition("_")[0] == page.stem.partition("-")[0]


# A former key of the configuration, which the changelog names.
KEYS = {"webitel_login"}
METRIC = re.compile(rf"\b(?:{'|'.join(SYSTEMS)}|status_exporter)_[a-z0-9_]+")
WITHOUT_RULES = [
    str(page.relative_to(ROOT)) for page in PAGES if page.name not in {"alerts.md", "dashboards.md"}
]


@pytest.mark.parametrize(
    "name", ["config.example.yaml", *(one for one in WITHOUT_RULES if "runbooks" not in one)]
)
def test_documents_name_only_metrics_that_exist(name: str) -> None:
    known = set(METRIC.findall(reference()))
    text = (ROOT / name).read_text(encoding="utf-8")

    assert set(METRIC.findall(text)) - known - KEYS == set()


def test_the_changelog_begins_with_what_is_unreleased_or_this_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    first, *_ = re.findall(r"^## \[(.*?)\]", text, re.MULTILINE)

    assert first in {"Unreleased", __version__}
    assert set(re.findall(r"^### (.*)", text, re.MULTILINE)) <= {
        "Added",
        "Changed",
        "Deprecated",
        "Removed",
        "Fixed",
        "Security",
    }


def test_every_client_of_the_page_about_authentication_loads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (ROOT / "docs" / "authentication.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    monkeypatch.setenv("API_KEY", "s")
    authority = trustme.CA()
    issued = authority.issue_cert("monitor@example.com")
    (tmp_path / "secrets").mkdir()
    for name in ("ucs", "token", "key", "client", "webitel", "store", "panel"):
        (tmp_path / "secrets" / name).write_text("s", encoding="utf-8")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "client.pem")
    issued.private_key_pem.write_to_path(tmp_path / "secrets" / "client.key")

    for block in blocks:
        shown = yaml.safe_load(block)
        (client,) = shown["clients"]
        (system,) = shown.get("systems", ["genesys_ucs"])
        target = f'{{name: t, system: {system}, url: "http://h", client: {client}}}'
        targets = "" if "targets" in shown else f"targets: [{target}]\n"
        load_text(f"{block}{targets}", "authentication.md", tmp_path, SYSTEMS)
    assert len(blocks) > 5


@pytest.mark.parametrize("name", ["docs/faults.md", "docs/threats.md"])
def test_the_tests_that_a_document_names_exist(name: str) -> None:
    named = set(re.findall(r"\btest_\w+", (ROOT / name).read_text(encoding="utf-8")))
    existing = {path.stem for path in (ROOT / "tests").rglob("test_*.py")}

    assert named
    assert named - existing == set()
