"""The targets that `demo` polls, and their systems."""

from pathlib import Path

from exporter.config import load_text
from exporter.simulator.demo import config_text
from exporter.systems import SYSTEMS

DEMO = load_text(config_text("http://simulator"), "demo.yaml", Path(), SYSTEMS).targets
SIMULATED = frozenset(target.system.name for target in DEMO)
