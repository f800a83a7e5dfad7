"""Takes a client's secrets out of text that a vendor had a hand in."""

import json
from base64 import b64encode
from collections.abc import Iterable, Iterator
from contextlib import suppress
from urllib.parse import quote, quote_plus, unquote, urlsplit

from exporter.errors import PollError
from exporter.http.message import basic_pair, credentials
from exporter.secret import Secret
from exporter.settings import Client, OAuth2
from exporter.text import CUT

# Fewer characters of a secret give nothing away, and may be part of any word.
_LEAST_TELLING = 4
# Values are cut at fewer characters. A token has thousands, and to try each would hold up the loop.
_LONGEST_BEGINNING = 64


def scrub(text: str, client: Client, obtained: Iterable[str] = ()) -> str:
    """Take the client's secrets out of a text that a vendor had a hand in, and what it obtained."""
    return take_out(text, known_secrets(client, obtained))


def take_out(text: str, known: Iterable[str]) -> str:
    """Take what is known out of a text, in this order."""
    for value in known:
        text = text.replace(value, "<secret>")
        if CUT in text:
            # A value that was too long to show may end in the middle of a secret.
            for length in range(min(len(value) - 1, _LONGEST_BEGINNING), _LEAST_TELLING - 1, -1):
                text = text.replace(f"{value[:length]}{CUT}", "<secret>")
    return text


def known_secrets(client: Client, obtained: Iterable[str]) -> list[str]:
    """Return the secrets in every form in which a vendor may send them back."""
    known = set(obtained)
    for secret in client.secrets():
        with suppress(PollError):
            known.add(secret.reveal())
    if client.basic_auth:
        with suppress(PollError):
            known.add(credentials(client)[0][1].rpartition(" ")[2])
    if isinstance(client.login, OAuth2):
        with suppress(PollError):
            known.add(basic_pair(client.login.client_id, client.login.client_secret.reveal()))
        known |= _of_proxy(client.login.proxy_url)
    known |= _of_proxy(client.proxy_url)
    forms = {form for value in known for form in _forms(value)}
    # The longest first: of a secret that begins another, the rest must not stay.
    telling = (value for value in forms if len(value) >= _LEAST_TELLING)
    return sorted(telling, key=len, reverse=True)


def _of_proxy(url: Secret | None) -> set[str]:
    """Return the password as the URL has it and decoded, and the pair as it is sent."""
    parts = urlsplit(url.reveal() if url else "")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if not password:
        return set()
    pair = b64encode(f"{user}:{password}".encode()).decode()
    return {parts.password or "", password, pair}


def _forms(value: str) -> Iterator[str]:
    yield value
    for ascii_only in (True, False):
        escaped = json.dumps(value, ensure_ascii=ascii_only)[1:-1]
        yield escaped
        yield escaped.replace("/", "\\/")
    for encode in (quote, quote_plus):
        yield encode(value, safe="")
        yield encode(value, safe="/")
