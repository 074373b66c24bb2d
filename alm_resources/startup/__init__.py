"""Before anything is begun: is this the chain we know, is its code what it was, does the clock go right."""

from alm_resources.startup.checks import StartupChecks
from alm_resources.startup.clocks import ClockReading, read_clocks
from alm_resources.startup.gate import StartupGate

__all__ = ["ClockReading", "StartupChecks", "StartupGate", "read_clocks"]
