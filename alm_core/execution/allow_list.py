"""What a wallet may ever call: contracts with selectors, spenders, and who receives. Checked on calldata alone.

The limits engine and the signer each hold a list of their own and ask the same question, so that a planner gone wrong
still cannot send money elsewhere.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from alm_core.execution.bridge_calls import BRIDGE_SELECTORS
from alm_core.execution.calldata import SWAP_SELECTORS, payees_of, selector_of
from alm_core.execution.erc20 import APPROVE_SELECTOR
from alm_core.execution.liquidity_calls import (
    PERMIT2_APPROVE_SELECTOR,
    PERMITTED_FAMILIES,
    POOL_SELECTORS,
    manager_selectors,
)
from alm_core.execution.reward_calls import MERKL_CLAIM_SELECTOR, NOBODY, STAKING_SELECTORS, staking_contracts
from alm_core.model.errors import InvalidInput
from alm_core.model.pools import Pool, Token
from alm_core.model.transactions import Action, UnsignedTransaction


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowList:
    """Lower-case addresses by chain. Empty refuses everything.

    Parameters
    ----------
    selectors
        Selectors (0x and eight hex digits) allowed at ``(chain id, contract)``.
    spenders
        ``(chain id, contract)`` that may be approved.
    takers
        Who alone may be approved or sent a position at ``(chain id, position manager)``: a spender of tokens must not
        get positions, nor a taker of positions tokens.
    arrivals
        ``(chain id, token)`` that may be asked for on another chain.
    """

    selectors: Mapping[tuple[int, str], frozenset[str]] = field(default_factory=dict[tuple[int, str], frozenset[str]])
    spenders: frozenset[tuple[int, str]] = frozenset()
    takers: Mapping[tuple[int, str], frozenset[str]] = field(default_factory=dict[tuple[int, str], frozenset[str]])
    arrivals: frozenset[tuple[int, str]] = frozenset()

    def refusals(self, tx: UnsignedTransaction, wallet: str) -> tuple[str, ...]:
        """Return why a payload is not allowed for this wallet; empty where it is."""
        if tx.sender.lower() != wallet.lower():
            return (f"sender {tx.sender} is not the wallet {wallet}",)
        if tx.action is Action.NOOP:
            return _noop_refusals(tx, wallet)
        allowed = self.selectors.get((tx.chain_id, tx.to.lower()))
        if allowed is None:
            return (f"contract {tx.to} on chain {tx.chain_id} is not on the allow-list",)
        try:
            selector, payees = selector_of(tx.data), payees_of(tx.data)
        except InvalidInput as error:
            return (f"calldata for {tx.to} cannot be decoded: {error}",)
        refused = [f"selector {found} at {tx.to} is not on the allow-list" for found in {selector} - allowed]
        refused += [f"selector {found} inside a multicall is not allowed" for found in payees.inner - allowed]
        refused += [f"recipient {who} is not the wallet" for who in payees.recipients if who != wallet.lower()]
        refused += [
            f"spender {who} on chain {tx.chain_id} is not on the allow-list"
            for who in payees.spenders
            if not self._may_take(tx, who)
        ]
        refused += [
            f"token {token} on chain {chain_id} is not on the allow-list of arrivals"
            for chain_id, token in payees.arrivals
            if (chain_id, token) not in self.arrivals or chain_id == tx.chain_id
        ]
        if tx.value_wei:
            refused.append(f"native value {tx.value_wei} wei is never sent")
        return tuple(refused)

    def _may_take(self, tx: UnsignedTransaction, who: str) -> bool:
        takers = self.takers.get((tx.chain_id, tx.to.lower()))
        return (tx.chain_id, who) in self.spenders if takers is None else who in takers


def allow_list_for(
    pools: Sequence[Pool],
    swap_contracts: Mapping[int, str],
    distributors: Mapping[int, str] | None = None,
    routers: Mapping[tuple[int, str], str] | None = None,
) -> AllowList:
    """Return the list that covers liquidity in these pools, and swaps and bridges through one contract per chain.

    Where a pool names a contract that pays rewards to positions it holds, staking in it is covered as well.

    Parameters
    ----------
    pools
        Pools of the wallet's pair.
    swap_contracts
        Swap contract (the Li.Fi diamond) by chain id; it is also a spender. What it sends to another chain must be a
        token of the pools there.
    distributors
        Contract that pays rewards against proofs, by chain id.
    routers
        Selector of its swap by ``(chain id, router)``; each is a spender too.
    """
    selectors: dict[tuple[int, str], frozenset[str]] = {}
    spenders: set[tuple[int, str]] = set()
    for pool in pools:
        manager = (pool.chain_id, pool.position_manager.lower())
        selectors[manager] = selectors.get(manager, frozenset()) | manager_selectors(pool.family)
        spenders.add(manager)
        if pool.family in POOL_SELECTORS:
            selectors[(pool.chain_id, pool.address.lower())] = POOL_SELECTORS[pool.family]
        if pool.family in PERMITTED_FAMILIES:
            permit2 = (pool.chain_id, pool.contract("permit2").lower())
            selectors[permit2] = frozenset({PERMIT2_APPROVE_SELECTOR})
            spenders.add(permit2)
        for token in _tokens(pool):
            selectors[(pool.chain_id, token.address.lower())] = frozenset({APPROVE_SELECTOR})
    for chain_id, address in swap_contracts.items():
        selectors[(chain_id, address.lower())] = SWAP_SELECTORS | BRIDGE_SELECTORS
        spenders.add((chain_id, address.lower()))
    for (chain_id, address), selector in (routers or {}).items():
        at = (chain_id, address.lower())
        selectors[at] = selectors.get(at, frozenset()) | {selector}
        spenders.add(at)
    for chain_id, address in (distributors or {}).items():
        selectors[(chain_id, address.lower())] = frozenset({MERKL_CLAIM_SELECTOR})
    return AllowList(
        selectors=selectors,
        spenders=frozenset(spenders),
        takers=_let_stake(pools, selectors),
        arrivals=frozenset((pool.chain_id, token.address.lower()) for pool in pools for token in _tokens(pool)),
    )


def _let_stake(
    pools: Sequence[Pool], selectors: dict[tuple[int, str], frozenset[str]]
) -> dict[tuple[int, str], frozenset[str]]:
    """Allow what staking calls, and return who may take positions at which manager."""
    takers: dict[tuple[int, str], frozenset[str]] = {}
    for pool, role, address in staking_contracts(pools):
        called, giving = STAKING_SELECTORS[role]
        manager = (pool.chain_id, pool.position_manager.lower())
        selectors[(pool.chain_id, address.lower())] = called
        selectors[manager] |= {giving}
        takers[manager] = takers.get(manager, frozenset()) | {address.lower(), NOBODY}
    return takers


def _tokens(pool: Pool) -> tuple[Token, Token]:
    return pool.token0, pool.token1


def _noop_refusals(tx: UnsignedTransaction, wallet: str) -> tuple[str, ...]:
    empty = tx.to.lower() == wallet.lower() and tx.value_wei == 0 and tx.data in ("", "0x")
    return () if empty else ("a noop must be an empty transfer of nothing to the wallet itself",)
