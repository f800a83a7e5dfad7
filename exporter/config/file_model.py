"""The model of the whole file, which makes settings.Settings.

The validator of a field sees the fields above it.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Annotated, Any

from pydantic import Field, ValidationInfo, field_validator

from exporter.config.client_models import ClientModel
from exporter.config.discovery_models import DiscoveryModel
from exporter.config.system_files import Systems
from exporter.config.target_models import DEFAULT_TIMEOUT, GlobalModel, TargetModel
from exporter.config.values import Context, context_of
from exporter.declare.model import Model, fault
from exporter.settings import Client, Discovery, Settings


class FileModel(Model):
    """The whole file."""

    global_: GlobalModel = Field(alias="global", default_factory=GlobalModel)
    """Defaults for all targets."""
    system_files: list[str] = Field(default_factory=list)
    """Patterns of files with further `systems`."""
    systems: Systems = Field(default_factory=dict)
    """Custom systems by their names; see custom-systems.md."""
    clients: dict[str, ClientModel] = Field(default_factory=dict)
    """How to connect; each client has a name of your choice."""
    discovery: list[DiscoveryModel] = Field(default_factory=list)
    """Lists of further targets; see discovery.md."""
    targets: Annotated[list[TargetModel], Field(default_factory=list, validate_default=True)]
    """The servers to poll."""

    @field_validator("global_")
    @classmethod
    def _global(cls, value: GlobalModel, info: ValidationInfo) -> GlobalModel:
        context = context_of(info)
        if "timeout" in value.model_fields_set:
            context.whose_timeout = "the one of global"
        context.interval, context.timeout = value.interval, value.timeout or DEFAULT_TIMEOUT
        return value

    @field_validator("clients", mode="before")
    @classmethod
    def _clients(cls, value: Any, info: ValidationInfo) -> Any:
        # Only names are checked here: a faulty client is not a fault of the targets that use it.
        given = value if isinstance(value, dict) else {}
        context_of(info).clients = {
            name: client for name, client in given.items() if isinstance(name, str)
        }
        if isinstance(value, dict) and "" in value:
            raise fault("a client needs a name")
        return value

    @field_validator("targets")
    @classmethod
    def _targets(cls, value: list[TargetModel], info: ValidationInfo) -> list[TargetModel]:
        if not value and info.data.get("discovery") == [] and context_of(info).needs_targets:
            raise fault("there is nothing to poll: add a target (name, system, url) or a discovery")
        return value

    def make(self, context: Context) -> Settings:
        """Return the checked data."""
        clients = {name: client.make(name) for name, client in self.clients.items()}
        no_client = Client(name="")

        def client_of(name: str | None) -> Client:
            return no_client if name is None else clients[name]

        return Settings(
            targets=tuple(
                target.make(
                    self.global_,
                    client_of(target.client),
                    clients[target.operator_client] if target.operator_client else None,
                )
                for target in self.targets
            ),
            discoveries=tuple(self._discoveries(client_of, context)),
            clients=tuple(clients.values()),
        )

    def _discoveries(
        self, client_of: Callable[[str | None], Client], context: Context
    ) -> Iterator[Discovery]:
        seen = Counter[str]()
        for one in self.discovery:
            made = one.make(self.global_, client_of, context)
            seen[made.name] += 1
            again = seen[made.name]
            yield made if again == 1 else replace(made, name=f"{made.name}#{again}")
