"""The model of `tls_config`, which makes settings.Tls."""

from pydantic import field_validator, model_validator

from exporter.client_tls import make_context
from exporter.config.values import FilePath, SecretText
from exporter.declare.model import Model, fault, one_of
from exporter.settings import Tls
from exporter.toolkit.tls_files import VERSIONS


class TlsModel(Model):
    """`tls_config`, as in Prometheus."""

    ca_file: FilePath | None = None
    """The only certificate authorities that are trusted; PEM."""
    ca: str | None = None
    """The same authorities as PEM text."""
    cert_file: FilePath | None = None
    """The client certificate; PEM, read again when it changes."""
    cert: str | None = None
    """The client certificate as PEM text."""
    key_file: FilePath | None = None
    """Its key; PEM, read again when it changes."""
    key: SecretText | None = None
    """Its key as PEM text."""
    server_name: str | None = None
    """The server's name if it is not the URL's host; for its certificate, SNI and Host."""
    insecure_skip_verify: bool = False
    """Whether the server's certificate is not verified."""
    min_version: str = "TLS12"
    """The lowest TLS version that is used."""
    max_version: str | None = None
    """The highest TLS version that is used."""

    @field_validator("min_version", "max_version")
    @classmethod
    def _version(cls, value: str | None) -> str | None:
        if value is not None and value not in VERSIONS:
            raise fault(f"unknown TLS version; known: {', '.join(VERSIONS)}")
        return value

    @model_validator(mode="after")
    def _check_consistency(self) -> "TlsModel":
        if self.max_version and VERSIONS[self.max_version] < VERSIONS[self.min_version]:
            raise fault("max_version is below min_version")
        for kind in ("ca", "cert", "key"):
            one_of(self, kind, f"{kind}_file", required=False)
        if bool(self.cert_file or self.cert) != bool(self.key_file or self.key):
            raise fault("a client certificate needs both its cert and its key")
        try:
            make_context(self.make())
        except ValueError as error:
            raise fault(str(error)) from None
        return self

    def make(self) -> Tls:
        """Return the checked data."""
        return Tls(**{name: getattr(self, name) for name in TlsModel.model_fields})
