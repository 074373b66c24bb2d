"""ERC-20 reads as calls of a batch."""

from alm_core.execution.erc20 import balance_of_data, uint_from_result
from alm_core.model.chain_ports import Call, CallResult
from alm_core.model.errors import BadAnswer, InvalidInput
from alm_core.model.pools import Token
from alm_resources.chains.calldata import ContractFunction

DECIMALS = ContractFunction("decimals", (), ("uint8",))


def balance_call(token: str, owner: str) -> Call:
    """Return the read of a balance."""
    return Call(target=token, data=_bytes(balance_of_data(owner)))


def decimals_call(token: str) -> Call:
    """Return the read of a token's decimals; it may fail, so that a wrong address is told as such."""
    return DECIMALS.call(token, may_fail=True)


def amount_from(token: Token, result: CallResult) -> int:
    """Decode a balance or an allowance.

    Raises
    ------
    BadAnswer
        If the contract at the token's address did not answer like a token.
    """
    try:
        return uint_from_result(result.data)
    except InvalidInput as error:
        raise BadAnswer(f"token {token.symbol} {token.address} of chain {token.chain_id}", str(error)) from error


def _bytes(data: str) -> bytes:
    return bytes.fromhex(data[2:])
