"""A small chain with real Uniswap V3 contracts: two pools of opposite token order, a wallet, and somebody who swaps."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from alm_core.execution.erc20 import approve_data, balance_changes
from alm_core.model.chains import ChainRules
from alm_core.model.market import Block, PoolState, Position
from alm_core.model.pools import Pool, Token
from alm_core.model.transactions import Receipt, UnsignedTransaction
from alm_localnet.anvil import AnvilNode
from alm_localnet.config import MULTICALL3
from alm_localnet.contracts import Bytecode, calldata, install
from alm_localnet.deployments import SWAP_ROUTER
from alm_localnet.node import install_node_modules
from alm_localnet.rpc import RpcClient
from alm_resources.chains import Web3Chain
from alm_resources.dex.uniswap_v3 import UniswapV3Adapter

CHAIN_ID = 31337
FACTORY = "0x1F98431c8aD98523631AE4a59f267346ea31F984"
MANAGER = "0xC36442b4a4522E871399CD717aBDD847Ab11FE88"
WRAPPED = "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2"
GENESIS_S = 1_790_000_000
ZERO = "0x" + "00" * 20
Q96 = 2**96


def token(address: str, symbol: str, decimals: int) -> Token:
    return Token(
        chain_id=CHAIN_ID, address=address, symbol=symbol, decimals=decimals, asset_class="volatile", issuer="test"
    )


USD = token("0x1000000000000000000000000000000000000001", "USD", 6)
ETH = token("0x2000000000000000000000000000000000000002", "ETH", 18)
BTC = token("0x3000000000000000000000000000000000000003", "BTC", 8)


def pool_of(token0: Token, token1: Token, fee_pips: int, spacing: int, *, base_is_token0: bool) -> Pool:
    return Pool(
        chain_id=CHAIN_ID,
        address=ZERO,
        dex="uni-v3",
        family="uniswap_v3",
        factory=FACTORY,
        position_manager=MANAGER,
        token0=token0,
        token1=token1,
        fee_pips=fee_pips,
        tick_spacing=spacing,
        base_is_token0=base_is_token0,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What Web3Chain needs to know."""

    chain_id: int
    rpc: tuple[str, ...]
    multicall3: str = MULTICALL3
    rules: ChainRules = field(default_factory=ChainRules)
    private_rpc: tuple[str, ...] = ()


class V3Chain:
    """One anvil with Uniswap V3; accounts 0 deploys and swaps, 1 and 2 hold positions."""

    def __init__(self, folder: Path) -> None:
        modules = install_node_modules()
        self.node = AnvilNode(modules.anvil(), CHAIN_ID, GENESIS_S, 10**9, folder)
        self.node.wait_until_ready()
        self.rpc: RpcClient = self.node.rpc
        self.trader, self.wallet, self.other = self.rpc.call("eth_accounts")
        self.chain = Web3Chain(Access(chain_id=CHAIN_ID, rpc=(self.node.url,)))
        self.adapter = UniswapV3Adapter()
        self._install(Bytecode(modules))
        # 2000 USD per ETH with USD first; 30 ETH per BTC with the base as token1 as well: 18 decimals against 8.
        self.usd_eth = self._pool(pool_of(USD, ETH, 500, 10, base_is_token0=False), 5 * 10**8)
        self.eth_btc = self._pool(pool_of(ETH, BTC, 3000, 60, base_is_token0=True), 1 / (30 * 10**10))

    def stop(self) -> None:
        self.chain.close()
        self.rpc.close()
        self.node.stop()

    def block(self) -> Block:
        return self.chain.read_block()

    def state(self, pool: Pool, block: Block | None = None) -> PoolState:
        block = block or self.block()
        return self.adapter.read_pool(pool, self.chain.read_calls(self.adapter.pool_calls(pool), block), block)

    def positions(self, *pools: Pool, owner: str | None = None) -> tuple[Position, ...]:
        block = self.block()
        states = [self.state(pool, block) for pool in pools or (self.usd_eth, self.eth_btc)]
        return self.adapter.read_positions(self.chain, states, owner or self.wallet, block)

    def run(self, tx: UnsignedTransaction) -> Receipt:
        """Simulate, send from the unlocked account, and return the receipt as the product reads it."""
        self.chain.simulate(tx)
        sent = self.rpc.transact(tx.sender, tx.to, bytes.fromhex(tx.data[2:]))
        receipt = self.chain.read_receipt(sent["transactionHash"])
        assert receipt is not None
        changes = balance_changes(receipt.logs, tx.sender)
        for bound in tx.bounds:
            assert bound.min_delta <= changes.get(bound.token.lower(), 0) <= bound.max_delta
        return receipt

    def swap(self, pool: Pool, amount: int, *, zero_for_one: bool, limit: int = 0) -> None:
        sell, buy = (pool.token0, pool.token1) if zero_for_one else (pool.token1, pool.token0)
        data = calldata(
            "exactInputSingle((address,address,uint24,address,uint256,uint256,uint256,uint160))",
            (sell.address, buy.address, pool.fee_pips, self.trader, 2**40, amount, 0, limit),
        )
        self.rpc.transact(self.trader, SWAP_ROUTER, data)

    def move_price(self, pool: Pool, sqrt_price_x96: int) -> None:
        """Swap until the price is exactly the given one."""
        self.swap(pool, 10**30, zero_for_one=sqrt_price_x96 < self.state(pool).sqrt_price_x96, limit=sqrt_price_x96)
        assert self.state(pool).sqrt_price_x96 == sqrt_price_x96

    def static(self, sender: str, data: bytes) -> bytes:
        """Answer of the position manager to a call that is not sent."""
        answer = self.rpc.call("eth_call", {"from": sender, "to": MANAGER, "data": "0x" + data.hex()}, "latest")
        return bytes.fromhex(answer[2:])

    def deadline(self):
        return self.block().block_at + timedelta(seconds=120)

    def _install(self, code: Bytecode) -> None:
        rpc, trader = self.rpc, self.trader
        rpc.call("anvil_setCode", MULTICALL3, code.runtime("Multicall3"))
        install(rpc, trader, WRAPPED, code.creation("WETH9"))
        install(rpc, trader, FACTORY, code.creation("UniswapV3Factory"))
        core = (FACTORY, WRAPPED)
        manager = code.creation("NonfungiblePositionManager")
        install(rpc, trader, MANAGER, manager, "(address,address,address)", *core, ZERO)
        install(rpc, trader, SWAP_ROUTER, code.creation("SwapRouter"), "(address,address)", *core)
        for entry in (USD, ETH, BTC):
            names = (entry.symbol, entry.symbol, entry.decimals, False)
            install(rpc, trader, entry.address, code.creation("Token"), "(string,string,uint8,bool)", *names)
            for account in (self.trader, self.wallet, self.other):
                rpc.transact(trader, entry.address, calldata("mint(address,uint256)", account, 10**36))
                for spender in (MANAGER, SWAP_ROUTER):
                    rpc.transact(account, entry.address, bytes.fromhex(approve_data(spender, 10**36)[2:]))

    def _pool(self, pool: Pool, raw_price: float) -> Pool:
        key = (pool.token0.address, pool.token1.address, pool.fee_pips)
        root = int(raw_price**0.5 * Q96)
        self.rpc.transact(
            self.trader,
            MANAGER,
            calldata("createAndInitializePoolIfNecessary(address,address,uint24,uint160)", *key, root),
        )
        found = self.rpc.call(
            "eth_call",
            {"to": FACTORY, "data": "0x" + calldata("getPool(address,address,uint24)", *key).hex()},
            "latest",
        )
        created = replace(pool, address="0x" + found[-40:])
        spacing = pool.tick_spacing
        edge = 880_000 // spacing * spacing
        mint = "mint((address,address,uint24,int24,int24,uint256,uint256,uint256,uint256,address,uint256))"
        self.rpc.transact(
            self.trader, MANAGER, calldata(mint, (*key, -edge, edge, 10**26, 10**26, 0, 0, self.trader, 2**40))
        )
        return created
