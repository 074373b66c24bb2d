"""The rules of every signer, in one class: what is not allowed is refused before a signature exists."""

import hashlib
import time
from collections.abc import Callable
from dataclasses import replace

from alm_core.execution.calldata import selector_of
from alm_core.execution.erc20 import APPROVE_SELECTOR
from alm_core.execution.liquidity_calls import PERMIT2_APPROVE_SELECTOR
from alm_core.execution.words import address_at, bytes_of, uint_at
from alm_core.model.errors import InvalidInput, SignerRefused
from alm_core.model.transactions import Action, FeeBid, UnsignedTransaction
from alm_resources.signer.leaving import leaves
from alm_resources.signer.standstill import SignerSwitch
from alm_resources.signer.state import KEPT_NONCES, MemoryState, NonceUse, SigningState, WalletRecord
from alm_resources.signer.terms import UNLIMITED, SigningTerms

_HOUR_S = 3600.0
_NONCE_LIMIT = (1 << 64) - 1
"""EIP-2681."""
_NEVER_EXPIRES = (1 << 48) - 1


class SigningPolicy:
    """Admits payloads of one wallet, or refuses them by name of the control.

    Parameters
    ----------
    terms
        The signer's own copy of allow-list and caps.
    state
        Fences, nonces and times; in memory unless told otherwise.
    switch
        Read before each signature.
    clock
        Seconds since 1970.
    """

    __slots__ = ("_clock", "_state", "_switch", "_terms")

    def __init__(
        self,
        terms: SigningTerms,
        state: SigningState | None = None,
        switch: SignerSwitch | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._terms = terms
        self._state = state or MemoryState()
        self._switch = switch or SignerSwitch(None)
        self._clock = clock

    def admit(self, tx: UnsignedTransaction, wallet: str, nonce: int, bid: FeeBid, fence: int) -> None:
        """Let a payload pass, and remember durably that it did.

        Raises
        ------
        SignerRefused
            Naming the control, the bound and the value. Nothing is remembered then.
        """
        refusal = self._stands_still(tx) or self._unlisted(tx, wallet) or self._too_costly(tx, bid)
        refusal = refusal or self._too_large_approval(tx)
        if refusal:
            raise SignerRefused(f"{refusal} ({tx.action.value} on chain {tx.chain_id}, nonce {nonce})")
        now = self._clock()

        def step(record: WalletRecord) -> WalletRecord:
            return self._remembered(record, tx, nonce, fence, now)

        self._state.change(wallet, tx.chain_id, step)

    def _stands_still(self, tx: UnsignedTransaction) -> str | None:
        standing = self._switch.read()
        if standing is None:
            return None
        mode, reason = standing
        if mode == "halt":
            return f"signer_halt: nothing is signed: {reason}"
        if tx.action is Action.NOOP:
            return None
        try:
            leaving = leaves(tx.data)
        except InvalidInput as error:
            return f"signer_allow_list: calldata cannot be decoded: {error}"
        return None if leaving else f"signer_withdraw_only: only what leaves is signed: {reason}"

    def _unlisted(self, tx: UnsignedTransaction, wallet: str) -> str | None:
        refusals = self._terms.allow_list.refusals(tx, wallet)
        return f"signer_allow_list: {'; '.join(refusals)}" if refusals else None

    def _too_costly(self, tx: UnsignedTransaction, bid: FeeBid) -> str | None:
        gas, price, tip = bid.gas_limit, bid.max_fee_per_gas_wei, bid.max_priority_fee_per_gas_wei
        if gas <= 0 or not 0 <= tip <= price:
            return f"signer_gas: {gas} gas at {price} wei with a tip of {tip} wei is no bid"
        if self._terms.chains is None:
            return None
        caps = self._terms.chains.get(tx.chain_id)
        if caps is None:
            return f"signer_gas: the policy has no caps for chain {tx.chain_id}"
        bounds = (
            ("gas limit", gas, caps.max_gas_limit),
            ("price of gas", price, caps.max_fee_per_gas_wei),
            ("fee", gas * price, caps.max_fee_wei),
        )
        broken = [f"{name} {value} is above {most}" for name, value, most in bounds if value > most]
        return f"signer_gas: {'; '.join(broken)}" if broken else None

    def _too_large_approval(self, tx: UnsignedTransaction) -> str | None:
        """Refuse approvals of tokens beyond their caps; the allow-list knows already who may be approved."""
        if tx.action is Action.NOOP:
            return None
        selector, body = selector_of(tx.data), bytes_of(tx.data)[4:]
        if selector == PERMIT2_APPROVE_SELECTOR:
            token, amount, expires_at = address_at(body, 0), uint_at(body, 2), uint_at(body, 3)
            if amount and expires_at >= _NEVER_EXPIRES:
                return f"signer_approval: a right to {token} that never expires"
        elif selector == APPROVE_SELECTOR and (tx.chain_id, tx.to.lower()) not in self._terms.allow_list.takers:
            token, amount = tx.to.lower(), uint_at(body, 1)
        else:
            return None
        caps = self._terms.approvals
        most = UNLIMITED - 1 if caps is None else min(caps.get((tx.chain_id, token), 0), UNLIMITED - 1)
        return f"signer_approval: {amount} of {token} is above its cap of {most}" if amount > most else None

    def _remembered(
        self, record: WalletRecord, tx: UnsignedTransaction, nonce: int, fence: int, now: float
    ) -> WalletRecord:
        if fence < record.fence or fence < 0:
            raise SignerRefused(f"signer_fence: {fence} is older than {record.fence}: another executor leads")
        most = self._terms.transactions_per_hour
        recent = () if most is None else tuple(one for one in record.signed_at if now - one < _HOUR_S)
        if most is not None and len(recent) >= most:
            raise SignerRefused(f"signer_rate: {len(recent)} signatures within an hour, the most are {most}")
        use = _use_of(record, tx, nonce, fence)
        nonces = {**record.nonces, nonce: use}
        kept = sorted(nonces)[-KEPT_NONCES:]
        signed_at = record.signed_at if most is None else (*recent, round(now, 3))
        return replace(record, fence=fence, nonces={one: nonces[one] for one in kept}, signed_at=signed_at)


def _use_of(record: WalletRecord, tx: UnsignedTransaction, nonce: int, fence: int) -> NonceUse:
    """Return what the nonce is used for from now on.

    A nonce is signed again for the same payload or for a noop. The journal hands the last nonce back when its payload
    provably never left: then the next executor, who has a higher fence, may use it for another one.
    """
    if not 0 <= nonce < _NONCE_LIMIT:
        raise SignerRefused(f"signer_nonce: {nonce} is no nonce")
    known = record.nonces.get(nonce)
    if tx.action is Action.NOOP:
        return NonceUse(digest=known.digest if known else "", fence=fence)
    digest = payload_digest(tx)
    if known is None and len(record.nonces) >= KEPT_NONCES and nonce < min(record.nonces):
        raise SignerRefused(f"signer_nonce: {nonce} is below {min(record.nonces)}: what it was signed for is forgotten")
    if known is None or known.digest == digest or (nonce == record.last_nonce and fence > known.fence):
        return NonceUse(digest=digest, fence=fence)
    raise SignerRefused(f"signer_nonce: {nonce} was signed for another payload, {known.digest[:16] or 'a noop'}")


def payload_digest(tx: UnsignedTransaction) -> str:
    """Return the SHA-256 of what a payload does, whatever is bid for it."""
    told = f"{tx.chain_id}|{tx.sender.lower()}|{tx.to.lower()}|{tx.value_wei}|{tx.data.lower()}"
    return hashlib.sha256(told.encode()).hexdigest()


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
