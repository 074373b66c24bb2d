"""The embedded world: local EVM nodes with real contracts, a market process and loopback stand-ins.

Belongs here: starting nodes, deploying contracts, the market and its traders, HTTP stand-ins. Does not belong here:
anything a live run needs; only the command line and the tests import this package.

Examples
--------
>>> from alm_localnet import LocalnetConfig
>>> LocalnetConfig().chains
(1, 8453, 43114)
"""

from alm_localnet.config import LocalnetConfig
from alm_localnet.localnet import Localnet
from alm_localnet.servers.faults import Fault

__all__ = ["Fault", "Localnet", "LocalnetConfig"]
