"""Rights over the wallet's tokens that DEX contracts need: ERC-20 approvals, Permit2 allowances, operators of bins."""

from datetime import datetime

from alm_core.execution.rights import erc20_grant
from alm_core.model.dex_ports import Grant
from alm_core.model.errors import InvalidInput
from alm_core.model.pools import Token
from alm_core.model.transactions import Action, UnsignedTransaction
from alm_resources.chains.calldata import ContractFunction

__all__ = ["erc20_grant", "permit2_grant"]

PERMIT2_APPROVE = ContractFunction("approve", ("address", "address", "uint160", "uint48"))
"""``AllowanceTransfer.approve(token, spender, amount, expiration)`` of Permit2."""
PERMIT2_ALLOWANCE = ContractFunction("allowance", ("address", "address", "address"), ("uint160", "uint48", "uint48"))
_PERMIT2_MOST = 2**160 - 1


def permit2_grant(token: Token, owner: str, permit2: str, spender: str, amount: int, expires_at: datetime) -> Grant:
    """Return the allowance of exactly an amount that Permit2 keeps; it ends by itself too.

    Raises
    ------
    InvalidInput
        If Permit2 cannot hold the amount (160 bits), or the time has no zone.
    """
    if amount > _PERMIT2_MOST:
        raise InvalidInput(f"{amount} of {token.symbol} is more than Permit2 can allow")
    if expires_at.tzinfo is None:
        raise InvalidInput(f"expiry {expires_at.isoformat()} has no time zone")

    def approval(value: int, expiration_s: int) -> UnsignedTransaction:
        data = PERMIT2_APPROVE.data(token.address, spender, value, expiration_s)
        return UnsignedTransaction(
            chain_id=token.chain_id,
            sender=owner,
            to=permit2,
            data="0x" + data.hex(),
            value_wei=0,
            action=Action.APPROVE if value else Action.APPROVE_RESET,
            summary=f"permit {value} of {token.address} to {spender}"
            if value
            else f"revoke permit of {token.address} to {spender}",
            spender=spender,
        )

    return Grant(
        give=approval(amount, int(expires_at.timestamp())),
        revoke=approval(0, 0),
        remaining=PERMIT2_ALLOWANCE.call(permit2, owner, token.address, spender),
    )
