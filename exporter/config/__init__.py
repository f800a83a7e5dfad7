"""A YAML file goes in; frozen Settings come out, or every fault of the file at once.

targets     the shape of the file and the meaning of each key, with clients, logins, tls and
            values; pydantic lives here alone
load        both put together, for a file and for the command line's flags
"""

from exporter.config.load import load_file, load_flags, load_systems, load_text
from exporter.config.values import parse_duration

__all__ = ["load_file", "load_flags", "load_systems", "load_text", "parse_duration"]
