"""A full reconciliation of one wallet: the chains are those we know, and books, rights and transfers are in order.

Looking writes nothing and needs no lead: it may run beside an executor. What that one is just doing is given a moment.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

from alm_core.execution.allow_list import AllowList
from alm_core.execution.chain_state import ChainView
from alm_core.execution.intents import IN_FLIGHT
from alm_core.execution.reconcile import gas_shortage, reconcile
from alm_core.execution.rights import erc20_grant
from alm_core.model.books import Journal
from alm_core.model.chain_ports import ChainClient
from alm_core.model.dex_ports import DexAdapter, Grant
from alm_core.model.errors import AlmError
from alm_core.model.market import Block
from alm_core.model.pools import Pool
from alm_core.model.rewards import StakingProgramme
from alm_core.model.startup import ChainVerdict
from alm_core.model.transactions import ReconcileReport, ResidualAllowance
from alm_core.model.transfers import TransferState
from alm_resources.registry import Registry
from alm_resources.startup.checks import ChainFindings, StartupChecks
from alm_resources.startup.gate import lost_journal

_DAY = timedelta(hours=24)
_PATIENCE = 3
_PAUSE_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciler:
    """Looks at one wallet.

    Parameters
    ----------
    registry, pair, wallet
        Whose wallet of which pair.
    chains, adapters, programmes
        Ports.
    journal
        The books; read only.
    allow_list
        Whose spenders may have had rights.
    checks
        Of the chains; ``None`` compares books and chains only.
    pause
        Waits between two looks at books that do not agree.
    """

    registry: Registry
    pair: str
    wallet: str
    chains: "dict[int, ChainClient]"
    adapters: Mapping[str, DexAdapter]
    programmes: Sequence[StakingProgramme]
    journal: Journal
    allow_list: AllowList
    checks: StartupChecks | None
    pause: Callable[[float], None] = time.sleep

    def look(self) -> tuple[ChainVerdict, ...]:
        """Look at every chain of the pair, all at the same time; one that fails is not in order, and hides no other."""
        chain_ids = sorted({pool.chain_id for pool in self.registry.pools_of(self.pair)})
        if self.checks is not None:
            _ = self.checks.clock  # read once, before the threads
        with ThreadPoolExecutor(max_workers=max(len(chain_ids), 1)) as workers:
            return tuple(workers.map(self._look_at, chain_ids))

    def view(self, chain_id: int) -> ChainView:
        """Reads of the wallet on a chain."""
        return ChainView(self.chains[chain_id], self.adapters, self._pools(chain_id), self.wallet, self.programmes)

    def views(self) -> tuple[ChainView, ...]:
        """Reads of the wallet on every chain of the pair that has a client."""
        chain_ids = sorted({pool.chain_id for pool in self.registry.pools_of(self.pair)})
        return tuple(self.view(chain_id) for chain_id in chain_ids if chain_id in self.chains)

    def standing(self, view: ChainView) -> tuple[Grant, ...]:
        """Rights that could be left over."""
        chain_id = view.chain.chain_id
        return view.standing_rights(sorted(at for chain, at in self.allow_list.spenders if chain == chain_id))

    def _look_at(self, chain_id: int) -> ChainVerdict:
        seen = self.checks.of_chain(chain_id) if self.checks else None
        clock = self.checks.of_clock() if self.checks else None
        wrong = [f"{one.control}: {one.text}" for one in (*([clock] if clock else []), *(seen.found if seen else ()))]
        if chain_id not in self.chains or (seen is not None and seen.head is None):
            return ChainVerdict(chain_id=chain_id, block_number=0, differences=tuple(wrong) or ("no endpoint",))
        try:
            return self._books(chain_id, wrong)
        except AlmError as error:
            text = f"{type(error).__name__}: {error}"
            return ChainVerdict(chain_id=chain_id, block_number=_number(seen), differences=(*wrong, text))

    def _books(self, chain_id: int, wrong: Sequence[str]) -> ChainVerdict:
        report = self._patiently(chain_id)
        lost = lost_journal(self.journal, self.chains, chain_id, self.wallet)
        view = self.view(chain_id)
        block = view.read_block()
        transfers = self.journal.read_transfers(self.pair, self.wallet)
        return ChainVerdict(
            chain_id=chain_id,
            block_number=report.block_number,
            differences=(*wrong, *report.differences, *([f"journal_lost: {lost}"] if lost else [])),
            warnings=(
                *report.warnings,
                *_texts(gas_shortage(view.chain.rules, chain_id, view.chain.read_native_balance(self.wallet, block))),
                *self._foreign_rights(view, block),
                *(
                    f"transfer to chain {one.to_chain} needs a person: {one.detail}"
                    for one in transfers
                    if one.state is TransferState.MANUAL and chain_id in (one.from_chain, one.to_chain)
                ),
            ),
            adopted=report.adopted,
            allowances=report.allowances,
            transfers=tuple(one for one in transfers if chain_id in (one.from_chain, one.to_chain)),
            transactions_24h=self._sent_since(chain_id, block.block_at - _DAY),
        )

    def _patiently(self, chain_id: int) -> ReconcileReport:
        """Compare books and chain, again where they differ: an executor may be about to book what it did."""
        left = _PATIENCE
        while True:
            view, left = self.view(chain_id), left - 1
            report = reconcile(view, self.journal, self.standing(view), books="read")
            if report.green or not left:
                return report
            self.pause(_PAUSE_S)

    def _foreign_rights(self, view: ChainView, block: Block) -> tuple[str, ...]:
        """Name rights over the pair's tokens of contracts that have no business with them; nobody takes them back."""
        chain_id = view.chain.chain_id
        known = {at for chain, at in self.allow_list.spenders if chain == chain_id}
        others = sorted(_contracts(self.registry, chain_id) - known)
        tokens = {token.address: token for pool in self._pools(chain_id) for token in (pool.token0, pool.token1)}
        grants = [erc20_grant(token, self.wallet, who, 0) for token in tokens.values() for who in others]
        return tuple(
            f"foreign right: {grant.revoke.spender} may take {amount} of {grant.revoke.to}; "
            f"reset it: {grant.revoke.to} approve({grant.revoke.spender}, 0)"
            for grant, amount in zip(grants, view.read_rights(grants, block), strict=True)
            if amount
        )

    def _sent_since(self, chain_id: int, since_at: datetime) -> int:
        intents = self.journal.read_intents_since(self.pair, since_at)
        own = [intent for intent in intents if intent.tx.chain_id == chain_id]
        return sum(intent.state in IN_FLIGHT or intent.tx_hash is not None for intent in own)

    def _pools(self, chain_id: int) -> list[Pool]:
        return [pool for pool in self.registry.pools_of(self.pair) if pool.chain_id == chain_id]


def proposals(allowances: Sequence[ResidualAllowance]) -> tuple[str, ...]:
    """Return in words what ``--repair`` would take back."""
    unlimited = 2**255
    return tuple(
        f"{one.spender} may take {'any amount' if one.amount >= unlimited else one.amount} of {one.token}"
        for one in allowances
    )


def _contracts(registry: Registry, chain_id: int) -> set[str]:
    """Every contract of a chain that the registry names, in lower case: whom somebody may have approved once."""
    chain = registry.chain(chain_id)
    named = {chain.lifi_diamond, chain.multicall3, *([chain.permit2] if chain.permit2 else [])}
    for (_, of_chain), contracts in registry.dexes.items():
        if of_chain == chain_id:
            named |= {at for role, at in contracts.addresses.items() if role != "init_code_hash"}
    return {address.lower() for address in named}


def _number(seen: ChainFindings | None) -> int:
    return seen.head.number if seen is not None and seen.head is not None else 0


def _texts(text: str | None) -> tuple[str, ...]:
    return (text,) if text else ()
