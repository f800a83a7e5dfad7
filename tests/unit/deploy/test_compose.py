"""The composition of everything, piece by piece, since nothing here runs containers."""

import re
from pathlib import Path
from urllib.parse import urlsplit

from exporter import __version__
from exporter.simulator.__main__ import DEFAULT_LISTEN
from exporter.simulator.demo import config_text
from support.deployment_files import COMPOSE, CONFIG, mounts, services
from support.manifests import documents, parsed, port_of
from support.repository import ROOT


def published(service: str) -> int:
    (port,) = services()[service]["ports"]
    address, outside, inside = port.split(":")
    assert address == "127.0.0.1"
    assert outside == inside
    return int(inside)


def test_mounted_files_exist() -> None:
    for name, service in services().items():
        if "volumes" in service:
            assert [path for path in mounts(name).values() if not path.exists()] == []


def test_the_image_is_that_of_the_project() -> None:
    for name in ("simulator", "exporter"):
        service = services()[name]
        build = service["build"]
        context = (COMPOSE / build["context"]).resolve()

        assert service["image"] == f"status-exporter:{__version__}"
        assert context == ROOT
        assert (context / build["dockerfile"]).exists()


def test_the_exporter_is_started_with_flags_that_it_has() -> None:
    exporter = services()["exporter"]
    check = parsed(exporter["healthcheck"]["test"][4:])

    assert exporter["healthcheck"]["test"][:4] == ["CMD", "python3", "-m", "exporter"]
    assert check.exporter_url.endswith(f":{port_of(exporter['command'])}")
    assert mounts("exporter")[str(parsed(exporter["command"]).config_file)] == CONFIG
    assert published("exporter") == port_of(exporter["command"])


def test_the_simulator_is_where_the_configuration_looks_for_it(renew: bool) -> None:
    simulator = services()["simulator"]
    flag, address = simulator["command"]
    port = address.rpartition(":")[2]
    text = "# Written by `make docs`: all that the simulator simulates.\n"
    text += config_text(f"http://simulator:{port}")
    if renew:
        CONFIG.write_text(text, encoding="utf-8")

    assert simulator["entrypoint"][1:] == ["-m", "exporter.simulator"]
    assert flag == "--listen"
    assert port == DEFAULT_LISTEN.rpartition(":")[2]
    assert CONFIG.read_text(encoding="utf-8") == text


def test_addresses_among_the_services_are_theirs() -> None:
    (prometheus,) = documents(COMPOSE / "prometheus.yml")
    (datasource,) = documents(COMPOSE / "grafana" / "datasource.yaml")
    known = {f"{name}:{published(name)}" for name, one in services().items() if "ports" in one}
    (scrape,) = prometheus["scrape_configs"]
    (manager,) = prometheus["alerting"]["alertmanagers"]
    used = [
        *scrape["static_configs"][0]["targets"],
        *manager["static_configs"][0]["targets"],
        urlsplit(datasource["datasources"][0]["url"]).netloc,
    ]

    assert len(used) == 3
    assert set(used) <= known


def test_grafana_finds_the_dashboards_where_they_are_mounted() -> None:
    (dashboards,) = documents(COMPOSE / "grafana" / "dashboards.yaml")
    (provider,) = dashboards["providers"]
    folder = mounts("grafana")[provider["options"]["path"]]
    home = Path(services()["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])

    assert str(home.parent) == provider["options"]["path"]
    assert (folder / home.name).exists()


def test_every_image_is_pinned() -> None:
    for service in services().values():
        assert re.search(r":v?\d+\.\d+\.\d+$", service["image"])
