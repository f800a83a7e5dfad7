"""Redacts a client's secrets in text that comes from a vendor."""

import html
import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache
from itertools import product
from urllib.parse import quote, quote_plus, unquote, urlsplit

from exporter.errors import PollError
from exporter.http.message import basic_pair, credentials
from exporter.secret import Secret
from exporter.settings import Client, OAuth2
from exporter.text import CUT, printable

# Shorter values reveal nothing, and occur in ordinary words.
_LEAST_TELLING = 4
# The forms of a secret are cached: those of a client that logs in are needed after each poll.
# A vendor's token may have any length.
_MAX_REMEMBERED = 1024
_LONGEST_REMEMBERED = 4096
_PERCENT = re.compile("%[0-9A-F]{2}")
_DOUBLE_QUOTES = ("&quot;", "&#34;")
_SINGLE_QUOTES = ("&#x27;", "&#39;", "&apos;")
# Values are truncated to fewer characters. A token has thousands: trying each prefix would block
# the event loop.
_LONGEST_BEGINNING = 64


def redact_secrets(text: str, client: Client, obtained: Iterable[str] = ()) -> str:
    """Replace the client's secrets, and those that its login obtained, with `<secret>`."""
    return redact(text, secret_forms(client, obtained))


def redact(text: str, known: Iterable[str]) -> str:
    """Replace each of the known texts with `<secret>`, in this order."""
    for value in known:
        text = text.replace(value, "<secret>")
        if CUT in text:
            # A truncated value may end within a secret.
            for length in range(min(len(value) - 1, _LONGEST_BEGINNING), _LEAST_TELLING - 1, -1):
                text = text.replace(f"{value[:length]}{CUT}", "<secret>")
    return text


def secret_forms(client: Client, obtained: Iterable[str]) -> list[str]:
    """Return the secrets in every form in which a vendor may send them back, longest first."""
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
    telling = (value for value in known if len(value) >= _LEAST_TELLING)
    forms = {form for value in telling for form in _forms_of(value) if len(form) >= _LEAST_TELLING}
    # Longest first: a secret may be the prefix of another, whose rest would remain.
    return sorted(forms, key=len, reverse=True)


def _of_proxy(url: Secret | None) -> set[str]:
    """Return the password, as in the URL and decoded, and the Basic credentials."""
    parts = urlsplit(url.reveal() if url else "")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if not password:
        return set()
    pair = b64encode(f"{user}:{password}".encode()).decode()
    return {parts.password or "", password, pair}


def _forms_of(value: str) -> frozenset[str]:
    return _known_forms(value) if len(value) <= _LONGEST_REMEMBERED else _forms(value)


def _forms(value: str) -> frozenset[str]:
    """Return the value itself, in upper and lower case, escaped and encoded."""
    # Labels are trimmed and made printable before they are redacted.
    forms = {value, value.upper(), value.lower(), printable(value.strip())}
    for ascii_only in (True, False):
        written = json.dumps(value, ensure_ascii=ascii_only)[1:-1]
        forms |= {written, written.replace("/", "\\/")}
    for encode, safe in product((quote, quote_plus), ("", "/")):
        encoded = encode(value, safe=safe, errors="replace")
        forms |= {encoded, _PERCENT.sub(lambda match: match[0].lower(), encoded)}
    markup = html.escape(value, quote=False)
    for double, single in product(('"', *_DOUBLE_QUOTES), ("'", *_SINGLE_QUOTES)):
        forms.add(markup.replace('"', double).replace("'", single))
    raw = value.encode(errors="replace")
    forms |= {raw.hex(), raw.hex().upper()}
    for encode_bytes in (b64encode, urlsafe_b64encode):
        encoded = encode_bytes(raw).decode()
        forms |= {encoded, encoded.rstrip("=")}
    return frozenset(forms)


_known_forms = lru_cache(maxsize=_MAX_REMEMBERED)(_forms)
