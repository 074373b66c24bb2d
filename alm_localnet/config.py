"""What a localnet is made of, frozen."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from alm_core.model.epochs import floor_to_epoch
from alm_core.model.errors import ConfigError
from alm_localnet.deployments import has_deployment
from alm_localnet.pairs import USDC_USDT, WETH_USDC
from alm_localnet.presets import ChainPreset, PairPreset, PoolPreset, chain_presets

MULTICALL3 = "0xcA11bde05977b3631167028862bE2a173976CA11"
PERMIT2 = "0x000000000022D473030F116dDEE9F6B43aC78BA3"
LIFI_DIAMOND = "0x1231DEB6f5749EF6cE6943a275A1D3E7486F4EaE"
LIFI_FEE_FORWARDER = "0xfee0000000000000000000000000000000000001"
SPOKE_POOL = "0x5c7BCd6E7De5423a257D81B442095A1a6ced35C5"
"""Across' own of Ethereum, here on every chain: wallets never call it."""
TAPE_HISTORY_DAYS = 31


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalnetConfig:
    """Parameters of a localnet.

    Parameters
    ----------
    chains
        Chain ids to start; each needs a table in ``chains.toml``.
    pairs
        Pairs with pools on the chains.
    seed
        Of the market process and the traders. Same seed and start, same prices and volumes.
    start_at
        Quarter hour at which the world begins; ``None`` means eight hours before the current one.
    tape
        Name of a recorded tape that WETH-USDC follows, or ``None`` for the generated market.
    reference_data
        Folder with the recorded tapes; ``None`` looks at ``ALM_REFERENCE_DATA``, then beside the repository.
    history_days
        Days of candles before the start.
    warm_up_minutes
        Minutes that are played on chain before the start.
    capital_usd
        Funds of each pair's wallet on each chain, half in each token of the pair.
    native_coins
        Native coins of each wallet for gas.
    server_lead_s
        Seconds by which the exchanges' clock is ahead of the last played minute: an epoch starts a moment after its
        quarter hour, when the last minute has closed.
    gecko_cache_s
        Seconds of the virtual clock for which GeckoTerminal repeats an answer, with an ``Age``; the real one takes 60.
        Without a number nothing is repeated.
    lifi_quotes_per_2h
        Budget of the Li.Fi stand-in in two hours of the virtual clock; keyed clients have 12,000, keyless ones 75.
    bridge_minutes
        Minutes of the virtual clock after which what was sent to another chain arrives.
    bridge_fee_bps, bridge_fee_usd
        What a bridge keeps of it.
    lifi_fee_bps
        What Li.Fi itself takes out of what is sent to another chain, by a fee step before the bridge; 0 means none, as
        for integrators with terms of their own. Without such terms it takes 25.
    node_dir
        Where ``node_modules`` is installed; ``None`` takes this package's folder, or the user's cache.
    state_dir
        Where chains with their contracts deployed are kept for the next start; ``None`` takes the user's cache.

    Raises
    ------
    ConfigError
        If a chain has no preset, a pool is on a chain without its tokens or its DEX, or ``start_at`` is not an aligned
        UTC quarter hour.
    """

    chains: tuple[int, ...] = (1, 8453, 43114)
    pairs: tuple[PairPreset, ...] = (USDC_USDT, WETH_USDC)
    seed: int = 1
    start_at: datetime | None = None
    tape: str | None = None
    reference_data: Path | None = None
    history_days: int = 40
    warm_up_minutes: int = 10
    capital_usd: float = 15_000.0
    native_coins: float = 10.0
    server_lead_s: float = 3.0
    gecko_cache_s: int | None = None
    lifi_quotes_per_2h: int = 12_000
    bridge_minutes: int = 4
    bridge_fee_bps: float = 5.0
    bridge_fee_usd: float = 0.05
    lifi_fee_bps: float = 0.0
    node_dir: Path | None = None
    state_dir: Path | None = None

    def __post_init__(self) -> None:
        known = chain_presets()
        for chain_id in self.chains:
            if chain_id not in known:
                raise ConfigError(f"localnet: chain {chain_id} has no preset; known are {sorted(known)}")
        for pair in self.pairs:
            for tier in pair.pools:
                _refuse_missing(pair, tier)
        if self.start_at is not None and floor_to_epoch(self.start_at) != self.start_at:
            raise ConfigError(f"localnet: start_at {self.start_at.isoformat()} is not a quarter hour")

    def tiers_on(self, chain: ChainPreset) -> tuple[tuple[PairPreset, PoolPreset], ...]:
        """Pools to deploy on a chain, with their pairs."""
        return tuple(
            (pair, tier)
            for pair in self.pairs
            if {pair.base, pair.quote} <= chain.tokens.keys()
            for tier in pair.pools
            if (tier.chains is None and has_deployment(tier.dex, chain)) or chain.chain_id in (tier.chains or ())
        )

    def pairs_on(self, chain: ChainPreset) -> tuple[PairPreset, ...]:
        """Pairs that have a pool on a chain."""
        present = {pair.pair_id for pair, _ in self.tiers_on(chain)}
        return tuple(pair for pair in self.pairs if pair.pair_id in present)


def _refuse_missing(pair: PairPreset, tier: PoolPreset) -> None:
    known = chain_presets()
    named = f"the {tier.dex} pool of {tier.fee_pips} pips of {pair.pair_id}"
    for chain_id in tier.chains or ():
        tokens = known[chain_id].tokens if chain_id in known else {}
        missing = sorted({pair.base, pair.quote} - tokens.keys())
        if missing:
            raise ConfigError(f"localnet: chain {chain_id} has no {missing} for {named}")
        if not has_deployment(tier.dex, known[chain_id]):
            raise ConfigError(f"localnet: chain {chain_id} has no {tier.dex} for {named}")
