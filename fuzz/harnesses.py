"""All harnesses by name."""

from fuzz.answer_bodies import BODIES
from fuzz.configs import CONFIGS
from fuzz.headers import HEADERS
from fuzz.http_answers import PLAIN, READER
from fuzz.known_shapes import SHAPES
from fuzz.port_requests import REQUESTS

HARNESSES = {one.name: one for one in (READER, PLAIN, BODIES, SHAPES, CONFIGS, HEADERS, REQUESTS)}
