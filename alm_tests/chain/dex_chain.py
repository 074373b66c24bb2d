"""A small chain for the tests of one DEX family: tokens of any decimals in both orders, a wallet, a desk that swaps."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from alm_core.execution.erc20 import balance_changes, uint_from_result
from alm_core.model.chains import ChainRules
from alm_core.model.dex_ports import DexAdapter, Grant, ReadsInTwoSteps
from alm_core.model.market import Block, PoolState, Position
from alm_core.model.pools import Pool, Token
from alm_core.model.transactions import Receipt, UnsignedTransaction
from alm_localnet.anvil import AnvilNode
from alm_localnet.config import MULTICALL3, PERMIT2
from alm_localnet.contracts import Bytecode, calldata, install
from alm_localnet.dexes.dex import LocalDex, PoolKey, provide_data, trade_data
from alm_localnet.node import install_node_modules
from alm_localnet.rpc import RpcClient
from alm_resources.chains import Web3Chain
from alm_resources.dex.readers import with_ticks

GENESIS_S = 1_790_000_000
WRAPPED = "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2"
MOST = 2**160 - 1
LOTS = 10**36


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What Web3Chain needs to know."""

    chain_id: int
    rpc: tuple[str, ...]
    multicall3: str = MULTICALL3
    rules: ChainRules = field(default_factory=ChainRules)
    private_rpc: tuple[str, ...] = ()


class DexChain:
    """One anvil with one family; account 0 deploys and trades, 1 and 2 hold positions.

    Parameters
    ----------
    folder
        For the node's log.
    dex, adapter
        Both sides of the family.
    contracts
        Addresses of the deployment by role, as in the registry; ``permit2`` among them where it is needed.
    chain_id
        Of the node.
    """

    def __init__(
        self, folder: Path, dex: LocalDex, adapter: DexAdapter, contracts: dict[str, str], chain_id: int = 31337
    ) -> None:
        modules = install_node_modules()
        self.chain_id = chain_id
        self.node = AnvilNode(modules.anvil(), chain_id, GENESIS_S, 10**9, folder)
        self.node.wait_until_ready()
        self.rpc: RpcClient = self.node.rpc
        self.trader, self.wallet, self.other = self.rpc.call("eth_accounts")
        self.chain = Web3Chain(Access(chain_id=chain_id, rpc=(self.node.url,)))
        self.dex, self.adapter, self.contracts, self.code = dex, adapter, contracts, Bytecode(modules)
        self.rpc.call("anvil_setCode", MULTICALL3, self.code.runtime("Multicall3"))
        self.rpc.call("anvil_setCode", PERMIT2, self.code.runtime("Permit2"))
        install(self.rpc, self.trader, WRAPPED, self.code.creation("WETH9"))
        dex.install(self.rpc, self.trader, self.code, contracts, WRAPPED)

    def stop(self) -> None:
        self.chain.close()
        self.rpc.close()
        self.node.stop()

    def token(self, address: str, symbol: str, decimals: int, *, tether_like: bool = False) -> Token:
        """Install a token and give a lot of it to every account and to the desk."""
        names = (symbol, symbol, decimals, tether_like)
        install(self.rpc, self.trader, address, self.code.creation("Token"), "(string,string,uint8,bool)", *names)
        for account in (self.trader, self.wallet, self.other, self.dex.desk):
            self.rpc.transact(self.trader, address, calldata("mint(address,uint256)", account, LOTS))
        return Token(
            chain_id=self.chain_id,
            address=address,
            symbol=symbol,
            decimals=decimals,
            asset_class="volatile",
            issuer="test",
        )

    def pool(
        self, token0: Token, token1: Token, key: PoolKey, sqrt_price_x96: int, *, base_is_token0: bool = True
    ) -> Pool:
        """Create a pool without liquidity."""
        address = self.dex.create_pool(self.rpc, self.trader, self.contracts, key, sqrt_price_x96)
        contracts = self.contracts
        registrar = contracts.get("factory") or contracts["pool_manager"]
        manager = contracts.get("position_manager") or contracts["router"]
        roles = {"permit2", "state_view", "vault", "deployer", "custom_deployer"} & contracts.keys()
        return Pool(
            chain_id=self.chain_id,
            address=address,
            dex="test",
            family=self.dex.family,
            factory=registrar,
            position_manager=manager,
            token0=token0,
            token1=token1,
            fee_pips=key.fee_pips,
            tick_spacing=key.tick_spacing or 1,
            base_is_token0=base_is_token0,
            bin_step=key.bin_step,
            contracts=tuple(sorted((role, contracts[role]) for role in roles)),
        )

    def provide(self, pool: Pool, tick_lower: int, tick_upper: int, liquidity: int) -> None:
        """Add background liquidity."""
        self.rpc.transact(self.trader, self.dex.desk, provide_data(pool.address, tick_lower, tick_upper, liquidity))

    def swap(self, pool: Pool, amount: int, *, zero_for_one: bool, lowest: int = 0, highest: int = MOST) -> None:
        """Swap, but not beyond the band."""
        data = trade_data(pool.address, zero_for_one, amount, lowest, highest)
        self.rpc.transact(self.trader, self.dex.desk, data)

    def move_price(self, pool: Pool, sqrt_price_x96: int) -> None:
        """Swap to a price; families with bins stop in the bin that holds it."""
        self.swap(pool, 0, zero_for_one=False, lowest=sqrt_price_x96, highest=sqrt_price_x96)

    def block(self) -> Block:
        return self.chain.read_block()

    def deadline(self) -> datetime:
        return self.block().block_at + timedelta(seconds=120)

    def state(self, pool: Pool, block: Block | None = None) -> PoolState:
        block = block or self.block()
        results = self.chain.read_calls(self.adapter.pool_calls(pool), block)
        if isinstance(self.adapter, ReadsInTwoSteps):
            results += self.chain.read_calls(self.adapter.further_calls(pool, results), block)
        return self.adapter.read_pool(pool, results, block)

    def recorded(self, pool: Pool) -> PoolState:
        """The state as snapshots record it, with the ticks around its price."""
        block = self.block()
        (state,) = with_ticks([self.state(pool, block)], {pool.family: self.adapter}, self.chain, block)
        return state

    def positions(self, *pools: Pool, owner: str | None = None) -> tuple[Position, ...]:
        block = self.block()
        states = [self.state(pool, block) for pool in pools]
        return self.adapter.read_positions(self.chain, states, owner or self.wallet, block)

    def balances(self, pool: Pool, owner: str | None = None) -> tuple[int, int]:
        amounts = [self._word(token.address, owner or self.wallet) for token in (pool.token0, pool.token1)]
        return amounts[0], amounts[1]

    def give(self, grants: tuple[Grant, ...]) -> None:
        """Give rights, as the executor does: each exactly, none of them left over from before."""
        for grant in grants:
            assert self.left(grant) == 0
            self.run(grant.give)

    def take_back(self, grants: tuple[Grant, ...]) -> None:
        """Take back what is left of rights; nothing may be left afterwards."""
        for grant in grants:
            if self.left(grant):
                self.run(grant.revoke)
            assert self.left(grant) == 0

    def left(self, grant: Grant) -> int:
        """First word of what remains of a right."""
        (result,) = self.chain.read_calls([grant.remaining], self.block())
        return uint_from_result(result.data)

    def run(self, tx: UnsignedTransaction) -> Receipt:
        """Simulate, send from the unlocked account, hold the receipt against the bounds, and return it."""
        self.chain.simulate(tx)
        sent = self.rpc.transact(tx.sender, tx.to, bytes.fromhex(tx.data[2:]))
        receipt = self.chain.read_receipt(sent["transactionHash"])
        assert receipt is not None
        assert receipt.succeeded
        changes = balance_changes(receipt.logs, tx.sender)
        for bound in tx.bounds:
            assert bound.min_delta <= changes.get(bound.token.lower(), 0) <= bound.max_delta, (tx.summary, bound)
        assert changes.keys() <= {bound.token.lower() for bound in tx.bounds}
        return receipt

    def place(self, txs_grants: tuple[Grant, ...], tx: UnsignedTransaction) -> Receipt:
        """Give the rights, run the payload, take the rights back."""
        self.give(txs_grants)
        receipt = self.run(tx)
        self.take_back(txs_grants)
        return receipt

    def _word(self, token: str, owner: str) -> int:
        data = "0x" + calldata("balanceOf(address)", owner).hex()
        return int(self.rpc.call("eth_call", {"to": token, "data": data}, "latest"), 16)


def with_fee(pool: Pool, fee_pips: int | None) -> Pool:
    """Return a pool that the registry describes with another fee."""
    return replace(pool, fee_pips=fee_pips)
