"""The Debian package and the single file: each is installed and run where only Python is."""

import subprocess
import sys
from pathlib import Path

import pytest

from exporter import __version__
from support.chroot import Chroot, checked, debian_base
from support.process import ONE_TARGET
from support.repository import ROOT
from support.tools import missing, tool

DEBIAN = "status-exporter.deb"
SINGLE_FILE = "status-exporter.pyz"
UNITS = ("status-exporter.socket", "status-exporter.service")
UNPRIVILEGED = "65534:65534"


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Chroot:
    """Unpack a small Debian, and put what is released for this architecture beside it."""
    base = debian_base()
    architecture = checked(tool("dpkg"), "--print-architecture")
    work = tmp_path_factory.mktemp("packages")
    root = work / "root"
    root.mkdir()
    checked("tar", "--extract", "--file", base, "--directory", root)
    uv = Path(sys.executable).with_name("uv")
    checked(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", work)
    (wheel,) = work.glob("*.whl")
    build: list[str | Path] = [ROOT / ".ci" / "build-packages", uv, wheel, work, architecture]
    if subprocess.run(build, check=False, timeout=400, stdout=subprocess.DEVNULL).returncode:
        missing("the network, from which wheels come")
    (debian,) = work.glob("*.deb")
    (single_file,) = work.glob("*.pyz")
    debian.rename(root / DEBIAN)
    single_file.rename(root / SINGLE_FILE)
    return Chroot(root=root, writable=True)


@pytest.fixture
def installed(system: Chroot) -> Chroot:
    """Install the package, for the first time or again."""
    system.checked("dpkg", "--install", f"/{DEBIAN}")
    return system


def configure(system: Chroot, text: str) -> Path:
    file = system.root / "etc/status-exporter/config.yaml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def test_the_installed_package_runs_as_a_service_would(installed: Chroot) -> None:
    units = [f"/usr/lib/systemd/system/{unit}" for unit in UNITS]
    lib = installed.root / "opt/status-exporter/lib/exporter"
    shipped = installed.root / "etc/status-exporter/config.yaml"

    assert installed.run("systemd-analyze", "verify", "--man=no", *units) == (0, "")
    version = installed.checked("status-exporter", "--version").splitlines()[0]
    assert version == f"status-exporter {__version__}"
    # It says by itself what the shipped configuration lacks.
    code, said = installed.run("status-exporter", "check", "/etc/status-exporter/config.yaml")
    assert (code, "there is nothing to poll" in said) == (2, True)
    assert shipped.stat().st_mode & 0o777 == 0o644
    assert (shipped.parent / "secrets").stat().st_mode & 0o777 == 0o700
    assert list(lib.glob("__pycache__/*.pyc"))
    configure(installed, ONE_TARGET)
    Chroot(root=installed.root, user=UNPRIVILEGED).serves("status-exporter")


def test_an_upgrade_keeps_the_configuration_and_a_purge_leaves_nothing(
    installed: Chroot, tmp_path: Path
) -> None:
    root = installed.root
    file = configure(installed, ONE_TARGET)
    (file.parent / "secrets" / "ucs").write_text("s", encoding="utf-8")
    installed.checked("systemctl", "enable", *UNITS)
    changed = tmp_path / "changed"
    checked("dpkg-deb", "--raw-extract", root / DEBIAN, changed)
    control = changed / "DEBIAN" / "control"
    text = control.read_text(encoding="utf-8")
    control.write_text(text.replace(f"Version: {__version__}", "Version: 99"), encoding="utf-8")
    checked("dpkg-deb", "-Znone", "--build", changed, root / "newer.deb")

    installed.checked("dpkg", "--install", "/newer.deb")
    assert installed.checked("dpkg-query", "--show", "status-exporter").endswith("99")
    assert file.read_text(encoding="utf-8") == ONE_TARGET
    installed.checked("dpkg", "--remove", "status-exporter")
    assert file.exists()
    installed.checked("dpkg", "--purge", "status-exporter")

    found = [*root.glob("etc/**/*status-exporter*"), *root.glob("usr/**/*status-exporter*")]
    assert [*found, *root.glob("opt/status-exporter")] == []


def test_the_single_file_unpacks_once_and_runs(system: Chroot) -> None:
    configure(system, ONE_TARGET)
    home = system.root / "home" / "user"
    home.mkdir(parents=True, exist_ok=True)
    home.chmod(0o777)
    environment = ("PATH=/usr/bin", "HOME=/home/user")
    user = Chroot(root=system.root, user=UNPRIVILEGED, environment=environment, writable=True)
    program = f"/{SINGLE_FILE}"

    version = user.checked(program, "--version").splitlines()[0]
    user.serves(program)

    assert version == f"status-exporter {__version__}"
    cache = home / ".cache" / "status-exporter"
    (folder,) = cache.iterdir()
    assert cache.stat().st_mode & 0o777 == 0o700
    # Of compiled modules, only those of this Python.
    assert len({path.name.partition(".")[2] for path in folder.rglob("*.cpython-*.so")}) == 1


def test_the_single_file_names_the_folder_that_it_cannot_write(system: Chroot) -> None:
    read_only = Chroot(
        root=system.root, user=UNPRIVILEGED, environment=("PATH=/usr/bin", "HOME=/root")
    )

    code, said = read_only.run(f"/{SINGLE_FILE}", "--version")

    assert code == 1
    assert "cannot unpack into /root/.cache/status-exporter/" in said
    assert "set XDG_CACHE_HOME" in said
