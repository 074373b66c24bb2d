"""Nothing is begun before the checks of a start have passed; they are made again every hour of the chain's clock.

Satisfies :class:`~alm_core.model.ports.Leadership`, over the lead of the wallet.
"""

from datetime import timedelta

from alm_core.execution.restrict import restrict
from alm_core.model.books import ANY_CHAIN, Journal
from alm_core.model.chain_ports import ChainClient
from alm_core.model.ports import Leadership
from alm_resources.journal.startup import StartupMemory
from alm_resources.startup.checks import ChainFindings, Found, StartupChecks
from alm_resources.startup.code import is_contract

FULL_EVERY = timedelta(hours=1)


class StartupGate:
    """Refuses a chain on which something is wrong, and lets a wallet only leave where something is odd.

    Parameters
    ----------
    lead
        Who may begin anything; asked first and every time.
    checks
        Of the chains of the wallet's pair.
    chains
        Clients by chain id.
    journal, memory
        Where standstills are set, and what was seen is remembered.
    """

    def __init__(
        self,
        lead: Leadership,
        checks: StartupChecks,
        chains: "dict[int, ChainClient]",
        journal: Journal,
        memory: StartupMemory,
    ) -> None:
        self._lead = lead
        self._checks = checks
        self._chains = chains
        self._journal = journal
        self._memory = memory
        self._verdicts: dict[int, str | None] = {}

    def refusal(self, chain_id: int, wallet: str) -> str | None:
        """Say why nothing may be begun on a chain; the checks are made once in the life of this object."""
        unled = self._lead.refusal(chain_id, wallet)
        if unled:
            return unled
        if chain_id not in self._verdicts:
            self._verdicts[chain_id] = self._check(chain_id, wallet)
        return self._verdicts[chain_id]

    def _check(self, chain_id: int, wallet: str) -> str | None:
        last, chain = self._memory.read_checked_at(chain_id, wallet), self._chains.get(chain_id)
        if last is not None and chain is not None:
            age = chain.read_block().block_at - last
            if timedelta(0) <= age < FULL_EVERY:
                return None
        return settle(self._checks, chain_id, wallet, self._journal, self._memory, self._chains)


def settle(
    checks: StartupChecks,
    chain_id: int,
    wallet: str,
    journal: Journal,
    memory: StartupMemory,
    chains: "dict[int, ChainClient]",
) -> str | None:
    """Make the checks of a chain, act on them, and say why nothing may be signed, if so.

    What lets a wallet only leave becomes a standstill. What is new and in order is remembered.
    """
    clock, seen = checks.of_clock(), checks.of_chain(chain_id)
    restrict(journal, ANY_CHAIN, wallet, "clock_skew", clock.text if clock else None)
    lost = lost_journal(journal, chains, chain_id, wallet) if seen.head else None
    for control in ("registry_entry", "code_hash"):
        restrict(journal, chain_id, wallet, control, _reason(seen, control))
    if lost:
        restrict(journal, chain_id, wallet, "journal_lost", lost)
    # Where nothing stands yet there is nothing to compare with later.
    memory.add_pins([code for code in seen.codes if is_contract(code)])
    if seen.known_block:
        memory.store_known_block(seen.known_block)
    if seen.head and not (seen.found or clock or lost):
        memory.store_checked_at(chain_id, wallet, seen.head.block_at)
    refusals = [one for one in seen.found if one.severity == "halt"]
    return "; ".join(f"{one.control}: {one.text}" for one in refusals) or None


def lost_journal(journal: Journal, chains: "dict[int, ChainClient]", chain_id: int, wallet: str) -> str | None:
    """Say so if the journal knows nothing of a wallet that has sent transactions: it may be a new or an old one."""
    if journal.read_reconciled(chain_id, wallet) is not None or journal.read_next_nonce(chain_id, wallet) is not None:
        return None
    nonce = chains[chain_id].read_nonce(wallet)
    if nonce == 0:
        return None
    return f"the journal knows nothing of {wallet} on chain {chain_id}, which has sent {nonce} transactions"


def _reason(seen: ChainFindings, control: str) -> str | None:
    found: list[Found] = [one for one in seen.found if one.control == control and one.severity == "withdraw_only"]
    return "; ".join(one.text for one in found) or None
