"""What must hold after a plan, however often it was killed: nothing lost, nothing doubled, books equal to the chain."""

from collections import Counter

from alm_core.accounting.ledger import NATIVE
from alm_core.execution.erc20 import balance_of_data, uint_from_result
from alm_core.execution.intents import plan_hash
from alm_core.model.chain_ports import Call
from alm_core.model.decisions import AllocationPlan
from alm_core.model.market import Holdings, MarketSnapshot
from alm_core.model.transactions import Action, Intent, IntentState
from alm_core.model.transfers import TransferState
from alm_tests.chaos.scene import Scene
from alm_tests.chaos.tally import Tally


class Proof:
    """Proves one wallet's books after each plan; receipts of what was proven before are not asked for again."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._known: set[str] = set()

    def check(self, scene: Scene, before: MarketSnapshot, plan: AllocationPlan, what: str, *, finished: bool) -> None:
        """Fail with what is lost, doubled or booked wrongly.

        Parameters
        ----------
        before
            What the plan was made for.
        what
            For messages.
        finished
            Whether the plan was carried out to its end; then the wallet holds exactly what it says.
        """
        snapshot = scene.snapshot(scene.localnet.now)
        assert snapshot.problems == (), f"{what}{snapshot.problems}"
        report = scene.executor().execute(scene.hold(snapshot), snapshot)
        assert all(result.green for result in report.reconciliations), f"{what}{report.reconciliations}"
        rights = [left for result in report.reconciliations for left in result.allowances]
        intents = scene.intents()
        for holdings in snapshot.holdings:
            own = [intent for intent in intents if intent.tx.chain_id == holdings.block.chain_id]
            self._check_books(scene, holdings, own, what)
        if scene.bridging:
            self._check_transfers(scene, plan, intents, what, finished=finished)
        if finished:
            self._check_positions(scene, before, plan, snapshot, what)
            assert scene.hold(snapshot).nav_usd > 0.97 * scene.hold(before).nav_usd, what
        assert not rights, f"{what}{rights}"

    def _check_books(self, scene: Scene, holdings: Holdings, own: list[Intent], what: str) -> None:
        chain_id, journal = holdings.block.chain_id, scene.journal
        nonce = scene.chains[chain_id].read_nonce(scene.wallet)
        nonces = [intent.nonce for intent in own if intent.nonce is not None]
        self._tally.lost += len(set(range(nonce)) - set(nonces))
        self._tally.lost += len(journal.read_open_intents(chain_id, scene.wallet))
        self._tally.duplicated += len(nonces) - len(set(nonces))
        self._none_wrong(f"{what}nonces {nonce}: {sorted(nonces)}")
        assert journal.read_next_nonce(chain_id, scene.wallet) == nonce == len(nonces), what
        sums = {token: amount for token, amount in journal.read_ledger_sums(chain_id, scene.wallet).items() if amount}
        assert sums == self._balances(scene, holdings), what
        deposits = journal.read_ledger_sums(chain_id, scene.wallet, kind="deposit")
        assert not any(deposits.values()), f"{what}somebody else's money on chain {chain_id}: {deposits}"
        booked = {token_id for _, token_id in journal.read_positions(chain_id, scene.wallet)}
        assert booked == {position.token_id for position in holdings.positions}, what
        for intent in own:
            if intent.nonce is not None and intent.key not in self._known:
                receipt = scene.chains[chain_id].read_receipt(str(intent.tx_hash))
                assert receipt is not None, f"{what}{intent.key} says {intent.tx_hash} was mined, and it was not"
                self._known.add(intent.key)

    def _balances(self, scene: Scene, holdings: Holdings) -> dict[str, int]:
        """What the wallet has on a chain, what gauges paid among it; zeros are left out."""
        balances = {entry.address.lower(): entry.amount for entry in holdings.balances}
        chain = scene.chains[holdings.block.chain_id]
        for pool in scene.pools:
            if pool.chain_id == holdings.block.chain_id and pool.stakes:
                token = pool.contract("reward_token")
                call = Call(target=token, data=bytes.fromhex(balance_of_data(scene.wallet)[2:]))
                balances[token.lower()] = uint_from_result(chain.read_calls([call], holdings.block)[0].data)
        return {token: amount for token, amount in (balances | {NATIVE: holdings.native_wei}).items() if amount}

    def _check_positions(
        self, scene: Scene, before: MarketSnapshot, plan: AllocationPlan, snapshot: MarketSnapshot, what: str
    ) -> None:
        """The wallet has what it kept and what the plan opened, and what is to be staked is."""
        closed = {(close.pool_id, close.token_id) for close in plan.closes}
        kept = [
            position.pool_id
            for holdings in before.holdings
            for position in holdings.positions
            if (position.pool_id, position.token_id) not in closed
        ]
        opened = [target.pool_id for target in plan.opens if target.token_id is None]
        positions = [position for holdings in snapshot.holdings for position in holdings.positions]
        wanted, held = Counter([*kept, *opened]), Counter(position.pool_id for position in positions)
        for pool_id in (pool.pool_id for pool in scene.pools if pool.bin_step):  # how many depends on where bins touch
            wanted[pool_id], held[pool_id] = min(1, wanted[pool_id]), min(1, held[pool_id])
        self._tally.lost += (wanted - held).total()
        self._tally.duplicated += (held - wanted).total()
        self._none_wrong(f"{what}held {dict(held)}, planned {dict(wanted)}")
        stakes = {pool.pool_id for pool in scene.pools if pool.stakes}
        loose = [one.token_id for one in positions if one.pool_id in stakes and one.staked_in is None]
        assert not loose, f"{what}not staked: {loose}"

    def _check_transfers(
        self, scene: Scene, plan: AllocationPlan, intents: list[Intent], what: str, *, finished: bool
    ) -> None:
        """What crossed is in the journal once, what is in the journal crossed once, and arrivals are booked once."""
        sent = {
            str(intent.tx_hash): intent
            for intent in intents
            if intent.tx.action is Action.BRIDGE and intent.state is IntentState.FINAL_OK
        }
        crossings = {one.tx_hash: one for one in scene.localnet.bridges.crossings}
        stored = scene.journal.read_transfers(scene.pair, scene.wallet, open_only=False)
        transfers = {one.intent_key: one for one in stored}
        self._tally.lost += len(sent.keys() - crossings.keys())
        self._tally.duplicated += len(crossings.keys() - sent.keys())
        pairs = [(intent, transfers[intent.key]) for intent in sent.values()]
        once = Counter((intent.plan_hash, one.from_chain, one.to_chain, one.asset) for intent, one in pairs)
        self._tally.duplicated += sum(count - 1 for count in once.values())
        arrived = Counter(str(one.arrival_tx) for one in stored if one.arrival_tx is not None)
        self._tally.duplicated += sum(count - 1 for count in arrived.values())
        self._none_wrong(f"{what}sent {sorted(sent)}, crossed {sorted(crossings)}, arrived {dict(arrived)}")
        for tx_hash, intent in sent.items():
            arrivals, transfer = crossings[tx_hash].arrivals, transfers[intent.key]
            state = TransferState.ARRIVED if arrivals else TransferState.IN_TRANSIT
            assert transfer.state is state, f"{what}{transfer}, and {arrivals}"
            assert transfer.received_amount == (arrivals[0].amount if arrivals else None), f"{what}{transfer}"
        if finished:
            digest = plan_hash(plan)
            gone = sum(intent.plan_hash == digest for intent in sent.values())
            self._tally.lost += max(0, 2 * len(plan.moves) - gone)
            self._none_wrong(f"{what}{gone} transfers of {len(plan.moves)} moves")

    def _none_wrong(self, what: str) -> None:
        assert (self._tally.lost, self._tally.duplicated) == (0, 0), what
