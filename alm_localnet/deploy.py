"""Fill one empty chain: well-known contracts at their real addresses, tokens, Uniswap V3, pools and their liquidity."""

from dataclasses import dataclass, replace

from eth_utils.address import to_checksum_address

from alm_localnet.config import (
    LIFI_DIAMOND,
    MULTICALL3,
    PERMIT2,
    SWAP_ROUTER,
    ChainPreset,
    LocalnetConfig,
    PairPreset,
    PoolPreset,
)
from alm_localnet.contracts import Bytecode, calldata, install
from alm_localnet.market.world import Market
from alm_localnet.pools import LocalPool, create_pool, provide_calldata, seeded_ranges
from alm_localnet.rpc import RpcClient

TRADER = "0x7ade700000000000000000000000000000000001"
OBSERVATIONS = 120
POOLS_A_TRANSACTION = 6
INVENTORY_UNITS = 10**12
WRAPPED_COINS = 10**7
_ZERO = "0x" + "00" * 20


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployedChain:
    """A chain that is ready: who mints and trades on it, and its pools."""

    preset: ChainPreset
    rpc: RpcClient
    operator: str
    """Unlocked account that owns tokens' minting, the trader and the Li.Fi stand-in."""
    pools: tuple[LocalPool, ...]


def deploy_chain(
    rpc: RpcClient, preset: ChainPreset, config: LocalnetConfig, bytecode: Bytecode, market: Market, minute: int
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
    _install_contracts(rpc, operator, preset, bytecode)
    _stock_trader(rpc, operator, preset)
    pools = [_pool(rpc, operator, preset, pair, tier, market, minute) for pair, tier in config.tiers_on(preset)]
    for begin in range(0, len(pools), POOLS_A_TRANSACTION):
        rpc.transact(operator, TRADER, provide_calldata(pools[begin : begin + POOLS_A_TRANSACTION]))
    return DeployedChain(preset=preset, rpc=rpc, operator=operator, pools=tuple(pools))


def fund(chain: DeployedChain, symbol: str, to: str, amount: int) -> None:
    """Give raw units of a token to an address: minted, or for the wrapped native coin deposited and sent."""
    token = chain.preset.tokens[symbol]
    if token.address == chain.preset.wrapped_native:
        chain.rpc.transact(chain.operator, token.address, calldata("deposit()"), value=amount)
        chain.rpc.transact(chain.operator, token.address, calldata("transfer(address,uint256)", to, amount))
    else:
        chain.rpc.transact(chain.operator, token.address, calldata("mint(address,uint256)", to, amount))


def _install_contracts(rpc: RpcClient, operator: str, preset: ChainPreset, bytecode: Bytecode) -> None:
    rpc.call("anvil_setCode", MULTICALL3, bytecode.runtime("Multicall3"))
    rpc.call("anvil_setCode", PERMIT2, bytecode.runtime("Permit2"))
    install(rpc, operator, preset.wrapped_native, bytecode.creation("WETH9"))
    for symbol, token in preset.tokens.items():
        if token.address != preset.wrapped_native:
            names = (f"{symbol} (localnet)", symbol, token.decimals, token.tether_like)
            install(rpc, operator, token.address, bytecode.creation("Token"), "(string,string,uint8,bool)", *names)
    install(rpc, operator, preset.factory, bytecode.creation("UniswapV3Factory"))
    rpc.transact(operator, preset.factory, calldata("enableFeeAmount(uint24,int24)", 100, 1))
    core = (preset.factory, preset.wrapped_native)
    manager = bytecode.creation("NonfungiblePositionManager")
    install(rpc, operator, preset.position_manager, manager, "(address,address,address)", *core, _ZERO)
    install(rpc, operator, SWAP_ROUTER, bytecode.creation("SwapRouter"), "(address,address)", *core)
    install(rpc, operator, preset.quoter, bytecode.creation("QuoterV2"), "(address,address)", *core)
    install(rpc, operator, TRADER, bytecode.creation("Trader"))
    install(rpc, operator, LIFI_DIAMOND, bytecode.creation("LiFiDiamondStandIn"))
    rpc.transact(operator, LIFI_DIAMOND, calldata("allow(address)", SWAP_ROUTER))


def _stock_trader(rpc: RpcClient, operator: str, preset: ChainPreset) -> None:
    for token in preset.tokens.values():
        if token.address == preset.wrapped_native:
            amount = WRAPPED_COINS * 10**18
            rpc.transact(operator, token.address, calldata("deposit()"), value=amount)
            rpc.transact(operator, token.address, calldata("transfer(address,uint256)", TRADER, amount))
        else:
            amount = INVENTORY_UNITS * 10**token.decimals
            rpc.transact(operator, token.address, calldata("mint(address,uint256)", TRADER, amount))


def _pool(
    rpc: RpcClient, operator: str, preset: ChainPreset, pair: PairPreset, tier: PoolPreset, market: Market, minute: int
) -> LocalPool:
    pool = LocalPool(
        chain_id=preset.chain_id,
        pair=pair,
        preset=tier,
        address="",
        base=preset.tokens[pair.base],
        quote=preset.tokens[pair.quote],
        tvl_usd=tier.tvl_usd * preset.depth,
        daily_volume_usd=tier.daily_volume_usd * preset.depth * preset.turnover,
    )
    price = market.price(pair.pair_id, minute)
    address = create_pool(rpc, operator, preset, pool, price, OBSERVATIONS)
    ranges = seeded_ranges(pool, price, market.token_usd(pair.quote, minute))
    return replace(pool, address=to_checksum_address(address), ranges=ranges)
