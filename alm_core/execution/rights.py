"""Rights over the wallet's tokens: given exactly before a payload, read back, and taken back after it."""

from alm_core.execution.erc20 import allowance_data, approve_data
from alm_core.model.chain_ports import Call
from alm_core.model.dex_ports import Grant
from alm_core.model.pools import Token
from alm_core.model.transactions import Action, UnsignedTransaction


def erc20_grant(token: Token, owner: str, spender: str, amount: int) -> Grant:
    """Return the ERC-20 approval of exactly an amount.

    Examples
    --------
    >>> usd = Token(chain_id=1, address="0x" + "11" * 20, symbol="USD", decimals=6, asset_class="stable", issuer="-")
    >>> erc20_grant(usd, "0x" + "22" * 20, "0x" + "33" * 20, 5).give.action.value
    'approve'
    """
    return Grant(
        give=_approval(token, owner, spender, amount),
        revoke=_approval(token, owner, spender, 0),
        remaining=Call(target=token.address, data=bytes.fromhex(allowance_data(owner, spender)[2:])),
    )


def _approval(token: Token, owner: str, spender: str, amount: int) -> UnsignedTransaction:
    return UnsignedTransaction(
        chain_id=token.chain_id,
        sender=owner,
        to=token.address,
        data=approve_data(spender, amount),
        value_wei=0,
        action=Action.APPROVE if amount else Action.APPROVE_RESET,
        summary=f"{f'approve {amount} of' if amount else 'reset'} {token.address} for {spender}",
        spender=spender,
    )
