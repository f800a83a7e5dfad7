"""The errors that a caller reports to the operator."""


class WebConfigError(Exception):
    """A web configuration file or an address that is wrong: every fault of it, one line each."""

    def __init__(self, *faults: str) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class ListenError(Exception):
    """An address that cannot be listened on."""
