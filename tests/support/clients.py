"""Clients with one secret each."""

from exporter.secret import Secret
from exporter.settings import Authorization, BasicAuth, Client

CANARY = "canary-8271"


def basic(username: str, password: Secret) -> Client:
    return Client(name="", basic_auth=BasicAuth(username=Secret(username), password=password))


def bearer(value: Secret, scheme: str = "Bearer") -> Client:
    return Client(name="", authorization=Authorization(type=scheme, credentials=value))


def client_headers(*headers: tuple[str, str]) -> Client:
    return Client(name="", http_headers=tuple((name, (Secret(value),)) for name, value in headers))
