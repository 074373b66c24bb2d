"""Holdings of a paper wallet: nominal capital instead of a key. Nothing of it exists on chain."""

import hashlib
from dataclasses import replace

from alm_core.math.orientation import to_raw
from alm_core.model.epochs import Epoch
from alm_core.model.market import Holdings, MarketSnapshot, TokenBalance
from alm_resources.dex.snapshots import SnapshotReader


def paper_wallet(pair_id: str) -> str:
    """Return the address that stands for a pair's paper wallet: nobody has its key.

    Examples
    --------
    >>> paper_wallet("WETH-USDC") == paper_wallet("WETH-USDC") != paper_wallet("USDC-USDT")
    True
    """
    from eth_utils.address import to_checksum_address

    return to_checksum_address(hashlib.sha256(f"paper wallet of {pair_id}".encode()).hexdigest()[:40])


class PaperSnapshots:
    """Real snapshots in which a paper wallet holds nominal capital, in quote tokens, shared equally by the chains.

    Parameters
    ----------
    reader
        Reads pools, prices and costs for real.
    capital_usd
        Nominal capital over all chains.
    """

    def __init__(self, reader: SnapshotReader, capital_usd: float) -> None:
        self._reader = reader
        self._capital_usd = capital_usd

    def read_snapshot(self, epoch: Epoch, wallet: str) -> MarketSnapshot:
        """Read the pair's chains and give the wallet its nominal capital; without a quote price it gets none."""
        snapshot = self._reader.read_snapshot(epoch, wallet)
        if snapshot.quote_usd is None or not snapshot.holdings:
            return snapshot
        share = self._capital_usd / len(snapshot.holdings) / snapshot.quote_usd
        return replace(snapshot, holdings=tuple(_funded(snapshot, one, share) for one in snapshot.holdings))


def _funded(snapshot: MarketSnapshot, holdings: Holdings, amount: float) -> Holdings:
    chain_id = holdings.block.chain_id
    quotes = {state.pool.quote.address: state.pool.quote for state in snapshot.pools if state.pool.chain_id == chain_id}
    if not quotes:
        return holdings
    token = quotes[min(quotes)]
    balances = tuple(
        TokenBalance(address=entry.address, amount=to_raw(token, amount) if entry.address == token.address else 0)
        for entry in holdings.balances
    )
    return replace(holdings, balances=balances, positions=())
