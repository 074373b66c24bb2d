"""All paths of the embedded market on one clock: prices of pairs, USD prices of tokens, gas prices."""

import os
from datetime import datetime
from pathlib import Path

import numpy as np

from alm_core.model.errors import ConfigError
from alm_localnet.config import TAPE_HISTORY_DAYS, LocalnetConfig
from alm_localnet.market.bars import MINUTES_PER_DAY, Bars, PricePath
from alm_localnet.market.generated import GeneratedPath
from alm_localnet.market.noise import normals
from alm_localnet.market.tape import TapePath, tape_file
from alm_localnet.pairs import PAIRS
from alm_localnet.presets import ChainPreset, PairPreset

TAPE_PAIR = "WETH-USDC"
STABLE_PAIR = "USDC-USDT"
USDC_SIGMA = 0.00005


class Market:
    """Everything that has a price, by minute since the Unix epoch.

    Parameters
    ----------
    config
        Seed, pairs, tape and length of history.
    start_at
        Moment the world begins; paths reach ``history_days`` further back.

    Raises
    ------
    ConfigError
        If a tape is wanted and missing.
    """

    def __init__(self, config: LocalnetConfig, start_at: datetime) -> None:
        self.seed = config.seed
        # Exchanges list more than the wallets trade.
        self.pairs = {pair.pair_id: pair for pair in (*PAIRS, *config.pairs)}
        self.start_minute = int(start_at.timestamp()) // 60
        self.first_minute = self.start_minute - config.history_days * MINUTES_PER_DAY
        self.tape = self._tape(config) if config.tape else None
        if self.tape:
            self.first_minute = max(self.first_minute, self.tape.first_minute)
        self._paths: dict[str, PricePath] = {pair.pair_id: self._path(pair) for pair in self.pairs.values()}

    @property
    def last_minute(self) -> int | None:
        """First minute that no path has any more; ``None`` if there is none."""
        return self.tape.last_minute if self.tape else None

    def path(self, pair_id: str) -> PricePath:
        """Path of a pair; ``KeyError`` if the market does not have it."""
        return self._paths[pair_id]

    def bars(self, pair_id: str, first: int, last: int) -> Bars:
        """Minutes ``first <= minute < last`` of a pair."""
        return self._paths[pair_id].bars(first, last)

    def price(self, pair_id: str, minute: int) -> float:
        """Close of a minute, quote per base."""
        return float(self.bars(pair_id, minute, minute + 1).close[0])

    def token_usd(self, symbol: str, minute: int) -> float:
        """USD price of a token at the close of a minute."""
        usdc = 1.0 + USDC_SIGMA * float(normals(self.seed, "usdc", np.asarray([minute // 60], dtype=np.int64))[0])
        if symbol == "USDC":
            return usdc
        if symbol == "USDT":
            return usdc / self.price(STABLE_PAIR, minute)
        for pair in self.pairs.values():
            if pair.base == symbol:
                return self.price(pair.pair_id, minute) * self.token_usd(pair.quote, minute)
        raise ConfigError(f"localnet: no pair prices {symbol}")

    def native_usd(self, chain: ChainPreset, minute: int) -> float:
        """USD price of a chain's native coin, which moves with ether here."""
        return self.token_usd("WETH", minute) * chain.native_per_eth

    def base_fee_wei(self, chain: ChainPreset, minute: int) -> int:
        """Base fee of a minute: the preset, busier and calmer from hour to hour."""
        hours = np.asarray([minute // 60, minute // 60 + 1], dtype=np.int64)
        calm, next_calm = normals(self.seed, f"gas/{chain.chain_id}", hours)
        mixed = calm + (next_calm - calm) * (minute % 60) / 60
        return int(chain.base_fee_wei * np.exp(0.35 * mixed))

    def _path(self, pair: PairPreset) -> PricePath:
        if self.tape and pair.pair_id == TAPE_PAIR:
            return self.tape
        return GeneratedPath(
            seed=self.seed,
            name=pair.pair_id,
            volatile=pair.process == "volatile",
            price=pair.initial_price,
            base_units_per_minute=pair.base_units_per_minute,
            first_minute=self.first_minute,
        )

    def _tape(self, config: LocalnetConfig) -> TapePath:
        folder = config.reference_data or reference_data_folder()
        first_minute = self.start_minute - TAPE_HISTORY_DAYS * MINUTES_PER_DAY
        return TapePath(tape_file(str(config.tape), folder), first_minute)


def reference_data_folder() -> Path:
    """Folder of recorded data: ``ALM_REFERENCE_DATA``, else ``../shared/data`` beside the repository."""
    named = os.environ.get("ALM_REFERENCE_DATA")
    return Path(named) if named else Path(__file__).resolve().parents[3] / "shared" / "data"
