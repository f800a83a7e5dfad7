"""The package could be published: it imports nothing of the exporter, and its README is correct."""

import ast
import subprocess
import sys
from pathlib import Path

import exporter.toolkit
from support.http_client import ask, basic, trusting, write_certificates
from support.repository import ROOT

FOLDER = ROOT / "exporter" / "toolkit"
MODULES = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "__init__")


def imported(path: Path) -> set[str]:
    names = set[str]()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            names.add(str(node.module))
    return names


def test_nothing_of_the_exporter_is_imported() -> None:
    found = {name for path in FOLDER.glob("*.py") for name in imported(path)}

    assert {name for name in found if name.split(".")[0] == "exporter"} == {
        f"exporter.toolkit.{name}" for name in MODULES if f"exporter.toolkit.{name}" in found
    }


def test_every_module_is_listed_once() -> None:
    lines = (exporter.toolkit.__doc__ or "").splitlines()
    listed = [line.split()[0] for line in lines if "  " in line]

    assert sorted(listed) == MODULES


def test_a_module_imports_only_those_that_are_listed_before_it() -> None:
    lines = (exporter.toolkit.__doc__ or "").splitlines()
    listed = [line.split()[0] for line in lines if "  " in line]
    for index, name in enumerate(listed):
        inside = {
            one.rpartition(".")[2]
            for one in imported(FOLDER / f"{name}.py")
            if one.startswith("exporter.toolkit.")
        }

        assert inside <= set(listed[:index]), name


def test_every_name_of_the_package_can_be_imported() -> None:
    assert all(getattr(exporter.toolkit, name) for name in exporter.toolkit.__all__)
    tree = ast.parse((FOLDER / "__init__.py").read_text(encoding="utf-8"))
    typed = {
        (node.names[0].name, str(node.module).rpartition(".")[2])
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("exporter.")
    }

    assert typed == set(exporter.toolkit._MODULES.items())


def test_reading_a_file_or_an_address_needs_no_server() -> None:
    code = (
        "import sys; import exporter.toolkit.read_file, exporter.toolkit.tls_files;"
        "from exporter.toolkit import WebConfigFile, parse_address; print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert set(done.stdout.split()) & {"aiohttp", "asyncio", "prometheus_client"} == set()


def test_the_example_serves_with_tls_and_users(tmp_path: Path) -> None:
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    code = text.partition("```python\n")[2].partition("```")[0]
    addresses = '[":9999", "unix:/run/my-exporter.sock"]'
    assert addresses in code
    write_certificates(tmp_path)
    (tmp_path / "web.yaml").write_text(
        "tls_server_config: {cert_file: cert.pem, key_file: key.pem}\n"
        "basic_auth_users: {alice: $2y$04$lM2HnJirWCCr/dupYr026OvcbeE9cl/PqMnjxQTPESQ9l46hq8qwO}\n",
        encoding="utf-8",
    )
    code = code.replace(addresses, '["127.0.0.1:0"]')
    with subprocess.Popen(
        [sys.executable, "-u", "-c", code], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            address = process.stdout.readline().split()[-1]
            refused = ask(address, context=trusting())
            right = ask(address, context=trusting(), auth=basic("alice", "fakepassword"))
        finally:
            process.kill()

    assert refused.status == 401
    assert right.status == 200
    assert b"my_exporter_http_rejected_total" in right.body
