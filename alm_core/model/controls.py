"""Every control of the money path by name: what it watches, and where the runbook says what to do when it fires."""

from dataclasses import dataclass

RUNBOOK = "docs/execution/runbook.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """One control.

    Parameters
    ----------
    name
        As it appears in violations, refusals, standstills and alerts.
    watches
        What it compares with what, in a few words.
    entry
        Heading of its entry in the runbook, as an anchor.
    """

    name: str
    watches: str
    entry: str

    @property
    def runbook(self) -> str:
        """Where a person reads on."""
        return f"{RUNBOOK}#{self.entry}"


CONTROLS: tuple[Control, ...] = (
    Control(name="allow_list", watches="contracts, selectors, recipients, spenders of a payload", entry="allow-list"),
    Control(name="max_gas_usd", watches="fee of one transaction at its bid", entry="gas"),
)
"""All controls. A test fails where one has no scenario that fires it or none that just passes (marker ``control``)."""


def control_named(name: str) -> Control | None:
    """Return a control by name, or ``None``."""
    return next((control for control in CONTROLS if control.name == name), None)
