"""The models of `oauth2` and `login` of a client, which make settings.Client.login."""

from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from exporter.config.tls_model import TlsModel
from exporter.config.values import ProxyUrl, SecretFile, SecretText, check_url
from exporter.declare.model import Model, Text, fault, one_of
from exporter.secret import Secret
from exporter.settings import OAuth2, PasswordLogin

_NONE = Secret()
# Parameters that each token request already has.
_OWN_PARAMS = frozenset({"grant_type", "scope", "client_id", "client_secret"})


class OAuth2Model(Model):
    """`oauth2` of a client, as in Prometheus."""

    client_id: Annotated[Text, Field(min_length=1)]
    """The client's id."""
    client_secret: SecretText | None = None
    """The client's secret."""
    client_secret_file: SecretFile | None = None
    """A file with the client's secret, read again when it changes."""
    scopes: list[Annotated[Text, Field(min_length=1)]] = Field(default_factory=list)
    """The scopes to request."""
    token_url: str
    """The URL of the token endpoint."""
    endpoint_params: dict[str, Text] = Field(default_factory=dict)
    """Further fields of the token request."""
    tls_config: TlsModel = Field(default_factory=TlsModel)
    """The same as a client's, for the token endpoint."""
    proxy_url: ProxyUrl | None = None
    """A proxy for the token endpoint."""

    @field_validator("token_url")
    @classmethod
    def _url(cls, value: str) -> str:
        check_url(value, "token_url", userinfo=True)
        if "@" in urlsplit(value).netloc:
            raise fault("put the id and secret into client_id and client_secret, not into the URL")
        return value

    @field_validator("endpoint_params")
    @classmethod
    def _params(cls, value: dict[str, str]) -> dict[str, str]:
        for name in value:
            if name in _OWN_PARAMS:
                raise fault(f"{name} cannot be set here: the exporter sends its own")
        return value

    @model_validator(mode="after")
    def _check_consistency(self) -> "OAuth2Model":
        one_of(self, "client_secret", "client_secret_file")
        return self

    def make(self) -> OAuth2:
        """Return the checked data."""
        params = self.endpoint_params.items()
        return OAuth2(
            client_id=self.client_id,
            client_secret=self.client_secret_file or self.client_secret or _NONE,
            token_url=self.token_url,
            scopes=tuple(self.scopes),
            endpoint_params=tuple((name, Secret(text, is_plain=True)) for name, text in params),
            tls=self.tls_config.make(),
            proxy_url=self.proxy_url,
        )


class PasswordModel(Model):
    """A user and password, each given or in a file."""

    username: Annotated[str, Field(min_length=1)] | None = None
    """The user."""
    username_file: SecretFile | None = None
    """A file with the user."""
    password: SecretText | None = None
    """The password."""
    password_file: SecretFile | None = None
    """A file with the password, read again when it changes."""

    @model_validator(mode="after")
    def _check_consistency(self) -> Self:
        one_of(self, "username", "username_file")
        one_of(self, "password", "password_file")
        return self

    @property
    def secrets(self) -> tuple[Secret, Secret]:
        """The user and the password."""
        username = self.username_file or Secret(self.username or "", is_plain=True)
        return username, self.password_file or self.password or _NONE


class LoginModel(PasswordModel):
    """`login` of a client: a user and password for the login that its targets' system declares."""

    username: Annotated[str, Field(min_length=1)] | None = None
    """The user, such as monitor@example.com."""

    def make(self) -> PasswordLogin:
        """Return the checked data."""
        username, password = self.secrets
        return PasswordLogin(username=username, password=password)
