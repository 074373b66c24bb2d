"""Functions of the family's contracts, each with the contract it was read from: name, version, file.

One :class:`~alm_resources.chains.ContractFunction` per function: name, types of the arguments, types of the answers.
Copy types from the verified source or the package's ABI, never from a list of another program: most layouts that look
like Uniswap's differ in one word (a fee that is ``uint24`` or ``uint16``, a spacing in the place of a fee, a deployer
after the tokens). Functions only: no address, no constant of a deployment.
"""

from alm_resources.chains import ContractFunction

SLOT0 = ContractFunction("slot0", (), ("uint160", "int24", "uint16", "uint16", "uint16", "uint8", "bool"))
"""An example (v3-core 1.0.1, ``UniswapV3Pool.slot0``): replace it by what this family's pool answers."""
