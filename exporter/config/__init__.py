"""Reads the YAML configuration into frozen Settings, or reports all of its faults at once.

values            texts of the file -> durations, addresses, secrets
tls_model         `tls_config`
login_models      `oauth2` and `login` of a client
client_models     `clients`
target_models     `global` and `targets`
discovery_models  `discovery`
file_model        the whole file
system_files      files with declarations of systems
load              a file, or the command line's flags -> Settings
reference         the keys and their descriptions, for documents and the JSON Schema
"""

from exporter.config.load import load_file, load_flags, load_systems, load_text
from exporter.config.values import parse_duration

__all__ = ["load_file", "load_flags", "load_systems", "load_text", "parse_duration"]
