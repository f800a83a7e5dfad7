"""Every harness there is, by its name."""

from fuzz.answers import PLAIN, READER
from fuzz.bodies import BODIES
from fuzz.configs import CONFIGS
from fuzz.headers import HEADERS
from fuzz.requests import REQUESTS
from fuzz.shapes import SHAPES

HARNESSES = {one.name: one for one in (READER, PLAIN, BODIES, SHAPES, CONFIGS, HEADERS, REQUESTS)}
