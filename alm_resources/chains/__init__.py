"""EVM chains over JSON-RPC."""

from alm_resources.chains.calldata import ContractFunction
from alm_resources.chains.web3_chain import ChainAccess, Web3Chain, chains_from

__all__ = ["ChainAccess", "ContractFunction", "Web3Chain", "chains_from"]
