"""The errors that a caller reports to the operator."""


class WebConfigError(Exception):
    """An invalid web configuration file or address: all its faults, one line each."""

    def __init__(self, *faults: str) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class ListenError(Exception):
    """An address that cannot be listened on."""
