"""What every signer does with a payload: its own allow-list first, then the fields of an EIP-1559 transaction."""

from alm_core.execution.allow_list import AllowList
from alm_core.model.errors import SignerRefused
from alm_core.model.transactions import FeeBid, UnsignedTransaction


def refuse_unlisted(allow_list: AllowList, tx: UnsignedTransaction, wallet: str) -> None:
    """Refuse a payload whose sender, contract, selector, recipient or spender is not on the list.

    Raises
    ------
    SignerRefused
        Naming each of them.
    """
    refusals = allow_list.refusals(tx, wallet)
    if refusals:
        raise SignerRefused(f"{tx.action.value} on chain {tx.chain_id}: {'; '.join(refusals)}")


def fields_of(tx: UnsignedTransaction, nonce: int, bid: FeeBid) -> dict[str, object]:
    """Return the fields that are signed."""
    from eth_utils.address import to_checksum_address

    return {
        "type": 2,
        "chainId": tx.chain_id,
        "nonce": nonce,
        "to": to_checksum_address(tx.to),
        "value": tx.value_wei,
        "data": tx.data,
        "gas": bid.gas_limit,
        "maxFeePerGas": bid.max_fee_per_gas_wei,
        "maxPriorityFeePerGas": bid.max_priority_fee_per_gas_wei,
    }
