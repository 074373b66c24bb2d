"""What an OP Stack chain charges for a transaction's data on Ethereum, besides gas.

``GasPriceOracle`` of the OP Stack (predeploy, ``getL1FeeUpperBound`` since Fjord, ``getL1Fee`` before it). Both take an
unsigned transaction and add the 68 bytes of a signature themselves. The operator fee of Isthmus is not in it: Base
charges none.
"""

from collections.abc import Callable

from alm_core.model.errors import BadAnswer
from alm_core.model.transactions import UnsignedTransaction
from alm_resources.chains.answers import hex_bytes
from alm_resources.chains.calldata import ContractFunction
from alm_resources.chains.endpoint import RpcError

GAS_PRICE_ORACLE = "0x420000000000000000000000000000000000000F"
UPPER_BOUND = ContractFunction("getL1FeeUpperBound", ("uint256",), ("uint256",))
EXACT = ContractFunction("getL1Fee", ("bytes",), ("uint256",))

_ENVELOPE_BYTES = 120
"""Everything of an EIP-1559 transaction but calldata and signature, at its longest: type, list headers, chain id,
nonce, two prices and a gas limit of 9 bytes each, recipient, a value of 33 bytes, empty access list."""
_MOST_WEI = 10**18
"""A whole coin for the data of one transaction is an answer that cannot be true."""


def read_l1_fee(read: Callable[..., object], tx: UnsignedTransaction, source: str) -> int:
    """Ask the oracle what the payload's data may cost, wei.

    Raises
    ------
    SourceUnavailable, RpcError
        If the oracle is not asked or refuses.
    BadAnswer
        If the chain has no oracle, or its figure cannot be true.
    """
    calldata = bytes.fromhex(tx.data.removeprefix("0x"))
    try:
        fee = _asked(read, UPPER_BOUND, _ENVELOPE_BYTES + len(calldata), source)
    except RpcError:
        # Before Fjord the bound is refused. The envelope is taken as bytes that do not compress.
        fee = _asked(read, EXACT, b"\xff" * _ENVELOPE_BYTES + calldata, source)
    if fee > _MOST_WEI:
        raise BadAnswer(
            source, f"believable_fee: L1 fee of {fee} wei for {len(calldata)} bytes of calldata cannot be true"
        )
    return fee


def _asked(read: Callable[..., object], function: ContractFunction, argument: object, source: str) -> int:
    payload = {"to": GAS_PRICE_ORACLE, "data": "0x" + function.data(argument).hex()}
    answer = hex_bytes(read("eth_call", payload, "latest"), source, "L1 fee")
    return int(function.answer(answer, f"{source} GasPriceOracle")[0])
