"""Every harness there is, by its name."""

from fuzz.answer_bodies import BODIES
from fuzz.answers import PLAIN, READER
from fuzz.configs import CONFIGS
from fuzz.headers import HEADERS
from fuzz.known_shapes import SHAPES
from fuzz.raw_requests import REQUESTS

HARNESSES = {one.name: one for one in (READER, PLAIN, BODIES, SHAPES, CONFIGS, HEADERS, REQUESTS)}
