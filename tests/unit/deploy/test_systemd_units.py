"""The units for systemd fit the program."""

import configparser

from exporter.toolkit.sockets import parse_address
from support.deployment_files import SERVICE, SOCKET, settings
from support.manifests import parsed


def test_the_service_starts_the_program_with_flags_that_it_has() -> None:
    (line,) = settings(SERVICE)["ExecStart"]
    program, *flags, more = line.split()
    arguments = parsed(flags)

    assert program == "/opt/status-exporter/bin/status-exporter"
    assert more == "$STATUS_EXPORTER_ARGS"
    assert arguments.command == "serve"
    assert arguments.systemd_socket


def test_the_socket_is_where_the_program_would_listen() -> None:
    (port,) = settings(SOCKET)["ListenStream"]

    assert parse_address(parsed(["serve"]).default_address) == (None, int(port))


def test_every_line_of_the_units_is_in_a_section() -> None:
    for unit, sections in ((SERVICE, "Service"), (SOCKET, "Socket")):
        parser = configparser.ConfigParser(strict=False, interpolation=None)
        parser.read(unit, encoding="utf-8")

        assert parser.sections() == ["Unit", sections, "Install"]
