"""Fill one empty chain: contracts at their real addresses, then pools at the market's price and their liquidity."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from eth_abi.abi import encode

from alm_localnet.config import LocalnetConfig
from alm_localnet.contract_state import TRADE_BATCH, ContractStates
from alm_localnet.contracts import calldata, selector
from alm_localnet.deployments import Deployment, deployment
from alm_localnet.dexes.dex import pool_word
from alm_localnet.market.world import Market
from alm_localnet.pools import LocalPool, seeded_ranges
from alm_localnet.presets import UNISWAP_V3, ChainPreset, PairPreset, PoolPreset
from alm_localnet.rpc import RpcClient

RANGES_A_TRANSACTION = 12
_RANGE = "(address,bytes32,int24,int24,uint128)[]"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployedChain:
    """A chain that is ready: who mints and trades on it, its DEXes and its pools."""

    preset: ChainPreset
    rpc: RpcClient
    operator: str
    """Unlocked account that owns tokens' minting, the desks and the Li.Fi stand-in."""
    deployments: tuple[Deployment, ...]
    pools: tuple[LocalPool, ...]

    def pool(self, address: str) -> LocalPool:
        """Return a pool by its address or id; ``KeyError`` if there is none."""
        for found in self.pools:
            if found.address.lower() == address.lower():
                return found
        raise KeyError(f"no pool {address} on chain {self.preset.chain_id}")


def deploy_chain(
    rpc: RpcClient, preset: ChainPreset, config: LocalnetConfig, states: ContractStates, market: Market, minute: int
) -> DeployedChain:
    """Deploy everything; pools open at the market price of ``minute``.

    Raises
    ------
    SourceRejected
        If a deployment reverts.
    """
    operator = str(rpc.call("eth_accounts")[0])
    # Left alone the node adds the wall time that passed: the same seed would give other timestamps on a slower machine.
    rpc.call("anvil_setBlockTimestampInterval", 1)
    names = dict.fromkeys((UNISWAP_V3, *(tier.dex for _, tier in config.tiers_on(preset))))
    wanted = tuple(deployment(name, preset) for name in names)
    states.load(rpc, preset, wanted)
    deployments = {deployed.dex: _standing(rpc, deployed) for deployed in wanted}
    pools = [
        _pool(rpc, operator, preset, deployments[tier.dex], pair, tier, market, minute)
        for pair, tier in config.tiers_on(preset)
    ]
    _provide(rpc, operator, pools)
    return DeployedChain(
        preset=preset, rpc=rpc, operator=operator, deployments=tuple(deployments.values()), pools=tuple(pools)
    )


def fund(chain: DeployedChain, symbol: str, to: str, amount: int) -> str:
    """Give raw units of a token to an address: minted, or for the wrapped native coin deposited and sent.

    Returns the hash of the transaction in which they arrive.
    """
    token = chain.preset.tokens[symbol]
    if token.address == chain.preset.wrapped_native:
        chain.rpc.transact(chain.operator, token.address, calldata("deposit()"), value=amount)
        give = calldata("transfer(address,uint256)", to, amount)
    else:
        give = calldata("mint(address,uint256)", to, amount)
    return str(chain.rpc.transact(chain.operator, token.address, give)["transactionHash"])


def _standing(rpc: RpcClient, deployed: Deployment) -> Deployment:
    """Leave out contracts that are not there: some DEXes have no quoter or router here."""
    roles = list(deployed.contracts)
    codes = rpc.call_many([("eth_getCode", (deployed.contracts[role], "latest")) for role in roles])
    contracts = {role: deployed.contracts[role] for role, code in zip(roles, codes, strict=True) if code != "0x"}
    return replace(deployed, contracts=MappingProxyType(contracts))


def _pool(
    rpc: RpcClient,
    operator: str,
    preset: ChainPreset,
    deployed: Deployment,
    pair: PairPreset,
    tier: PoolPreset,
    market: Market,
    minute: int,
) -> LocalPool:
    pool = LocalPool(
        chain_id=preset.chain_id,
        pair=pair,
        preset=tier,
        deployment=deployed,
        address="",
        base=preset.tokens[pair.base],
        quote=preset.tokens[pair.quote],
        tvl_usd=tier.tvl_usd * preset.depth,
        daily_volume_usd=tier.daily_volume_usd * preset.depth * preset.turnover,
    )
    price = market.price(pair.pair_id, minute)
    address = pool.dex.create_pool(rpc, operator, deployed.contracts, pool.key, pool.sqrt_price_x96(price))
    return replace(pool, address=address, ranges=seeded_ranges(pool, price, market.token_usd(pair.quote, minute)))


def range_of(pool: LocalPool, entry: tuple[int, int, int]) -> tuple[str, bytes, int, int, int]:
    """Return a range ``(tick_lower, tick_upper, liquidity)`` of a pool as :func:`provide` takes it."""
    return pool.dex.desk, pool_word(pool.address), *entry


def provide(rpc: RpcClient, operator: str, ranges: Sequence[tuple[str, bytes, int, int, int]]) -> None:
    """Give background liquidity, in one transaction."""
    rpc.transact(operator, TRADE_BATCH, selector(f"provide({_RANGE})") + encode([_RANGE], [ranges]))


def _provide(rpc: RpcClient, operator: str, pools: list[LocalPool]) -> None:
    in_bins = [pool for pool in pools if pool.preset.bin_step]
    others = [range_of(pool, entry) for pool in pools if pool not in in_bins for entry in pool.ranges]
    batches = [others[begin : begin + RANGES_A_TRANSACTION] for begin in range(0, len(others), RANGES_A_TRANSACTION)]
    # A range of a hundred bins fills a transaction.
    batches += [[range_of(pool, entry)] for pool in in_bins for entry in pool.ranges]
    for batch in batches:
        provide(rpc, operator, batch)
