"""What real nodes refuse and anvil takes, client by client, in the words of the client.

Sources: geth ``core/txpool`` (10 % replacement rule, price floor, texts), Bor (25 gwei tip, PIP-35), BSC (0.05 gwei),
Nitro ``validateTx`` (no gaps, base fee), coreth, HyperEVM (the next 8 nonces, 2 M gas in a small block).
"""

from dataclasses import dataclass

GWEI = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class PooledTransaction:
    """An EIP-1559 transaction as a pool sees it."""

    raw: str
    tx_hash: str
    chain_id: int
    sender: str
    nonce: int
    gas: int
    max_fee_wei: int
    tip_wei: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientRules:
    """Rules of one client.

    Parameters
    ----------
    bump_percent
        How much higher both prices of a replacement must be.
    queues_gaps
        Whether a nonce beyond the next one waits; where not, it is refused.
    nonce_window
        How many nonces from the account's on are taken; ``None`` where there is no bound.
    least_tip_wei
        Tip below which the pool takes nothing.
    floor_text
        Words for that; ``{tip}`` and ``{least}`` are filled in.
    gas_cap
        Most gas of a transaction; ``None`` where there is no bound.
    pools_below_base_fee
        Whether a price below the base fee waits; where not, it is refused.
    """

    name: str
    bump_percent: int = 10
    queues_gaps: bool = True
    nonce_window: int | None = None
    least_tip_wei: int = 0
    floor_text: str = "transaction underpriced: gas tip cap {tip}, minimum needed {least}"
    gas_cap: int | None = None
    pools_below_base_fee: bool = True

    def refusal(self, tx: PooledTransaction, *, chain_id: int, nonce: int, next_nonce: int, base_fee_wei: int) -> str:
        """Return why the pool does not take a transaction that it does not have; empty if it does.

        Parameters
        ----------
        tx
            The transaction.
        chain_id
            Of the node.
        nonce, next_nonce
            Of the sender: mined transactions, and those in the pool without a gap on top.
        base_fee_wei
            Of the head.
        """
        if tx.chain_id != chain_id:
            return f"invalid chain id for signer: have {tx.chain_id} want {chain_id}"
        if self.gas_cap is not None and tx.gas > self.gas_cap:
            return "exceeds block gas limit"
        if tx.tip_wei > tx.max_fee_wei:
            return "max priority fee per gas higher than max fee per gas"
        if tx.tip_wei < self.least_tip_wei:
            return self.floor_text.format(tip=tx.tip_wei, least=self.least_tip_wei)
        if tx.nonce < nonce:
            return f"nonce too low: next nonce {nonce}, tx nonce {tx.nonce}"
        beyond = self.nonce_window is not None and tx.nonce >= nonce + self.nonce_window
        if beyond or (not self.queues_gaps and tx.nonce > next_nonce):
            return f"nonce too high: address {tx.sender}, tx: {tx.nonce} state: {next_nonce}"
        if not self.pools_below_base_fee and tx.max_fee_wei < base_fee_wei:
            prices = f"maxFeePerGas: {tx.max_fee_wei} baseFee: {base_fee_wei}"
            return f"max fee per gas less than block base fee: address {tx.sender}, {prices}"
        return ""

    def refuses_replacement(self, old: PooledTransaction, new: PooledTransaction) -> bool:
        """Tell whether a transaction must not take the place of a pooled one of the same nonce."""

        def enough(was_wei: int, now_wei: int) -> bool:
            return now_wei * 100 >= was_wei * (100 + self.bump_percent) and now_wei > was_wei

        return not (enough(old.max_fee_wei, new.max_fee_wei) and enough(old.tip_wei, new.tip_wei))


GETH = ClientRules(name="geth", gas_cap=2**24)
BOR = ClientRules(
    name="bor",
    least_tip_wei=25 * GWEI,
    floor_text="transaction gas price below minimum: gas tip cap {tip}, minimum needed {least}",
)
BSC = ClientRules(name="bsc", least_tip_wei=GWEI // 20)
NITRO = ClientRules(name="nitro", queues_gaps=False, pools_below_base_fee=False)
CORETH = ClientRules(name="coreth", pools_below_base_fee=False)
HYPEREVM = ClientRules(name="hyperevm", nonce_window=8, gas_cap=2_000_000, pools_below_base_fee=False)
