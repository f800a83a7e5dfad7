"""Accept and Accept-Encoding: any value selects a format, and whether to compress."""

from random import Random

from exporter.toolkit.negotiate import Format, accepts_gzip, choose_format
from fuzz.harness import Harness
from fuzz.mutate import mutate_bytes

_SEEDS = (
    b"application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
    b'Application/OpenMetrics-Text; Version="1.0.0" ; q=1.000 , ,',
    b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    b"gzip;q=0.5, deflate, br;q=1.0, *;q=0",
    b"identity, x-gzip",
)
_TOKENS = (
    *(b",", b";", b"=", b'"', b"\\", b"/", b"*", b" ", b"\t", b"q=0", b"q=1.0001", b";q=nan"),
    *(b"version=", b'version="', b"gzip", b"*/*", b"\xe9", b"\0", b"a/b," * 2000, b'"\\' * 500),
)


def check(data: bytes) -> None:
    """Read a value as both headers."""
    header = data.decode("latin-1")
    assert isinstance(choose_format(header), Format)
    assert accepts_gzip(header) in {True, False}
    assert choose_format(f"{header}\x7f") is Format.TEXT, "what is malformed counts as none"


def _mutate(data: bytes, chance: Random) -> bytes:
    return mutate_bytes(data, chance, _TOKENS)


HEADERS = Harness(name="headers", seeds=lambda: _SEEDS, mutate=_mutate, check=check)
