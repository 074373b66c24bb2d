"""Pools, states and a chain that answers calls from a table."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from alm_core.math.tick import Q96, tick_at_sqrt_price_x96
from alm_core.model.chain_ports import Call, CallResult, Fees, HeadReading
from alm_core.model.market import Block, PoolState
from alm_core.model.pools import Pool, Token

OWNER = "0x1111111111111111111111111111111111111111"
MANAGER = "0xC36442b4a4522E871399CD717aBDD847Ab11FE88"
FACTORY = "0x1F98431c8aD98523631AE4a59f267346ea31F984"
USDC = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"
WETH = "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2"


def make_token(chain_id: int, address: str, symbol: str, decimals: int) -> Token:
    return Token(
        chain_id=chain_id, address=address, symbol=symbol, decimals=decimals, asset_class="volatile", issuer="x"
    )


def make_pool(chain_id: int = 1, address: str = "0x" + "aa" * 20, fee_pips: int = 500, tick_spacing: int = 10) -> Pool:
    return Pool(
        chain_id=chain_id,
        address=address,
        dex="uni-v3",
        family="uniswap_v3",
        factory=FACTORY,
        position_manager=MANAGER,
        token0=make_token(chain_id, USDC, "USDC", 6),
        token1=make_token(chain_id, WETH, "WETH", 18),
        fee_pips=fee_pips,
        tick_spacing=tick_spacing,
        base_is_token0=False,
    )


def make_block(chain_id: int = 1, number: int = 100) -> Block:
    return Block(
        chain_id=chain_id, number=number, block_hash="0x" + "ab" * 32, block_at=datetime(2026, 11, 22, tzinfo=UTC)
    )


def word(*values: int) -> CallResult:
    return CallResult(succeeded=True, data=b"".join(value.to_bytes(32, "big") for value in values))


def make_state(pool: Pool, sqrt_price_x96: int = Q96) -> PoolState:
    return PoolState(
        pool=pool,
        block=make_block(pool.chain_id),
        sqrt_price_x96=sqrt_price_x96,
        tick=tick_at_sqrt_price_x96(sqrt_price_x96),
        liquidity=10**18,
        fee_pips=pool.fee_pips,
        fee_growth_global0_x128=0,
        fee_growth_global1_x128=0,
    )


@dataclass
class TableChain:
    """A chain whose calls are answered by target and selector; a call it has no answer for fails the test."""

    chain_id: int = 1
    answers: Mapping[tuple[str, bytes], CallResult | Callable[[bytes], CallResult]] = field(default_factory=dict)
    fees: Fees = field(default_factory=lambda: Fees(base_fee_wei=10, priority_fee_wei=1))
    failure: Exception | None = None
    blocks_asked: list[int] = field(default_factory=list)
    batches: list[tuple[Call, ...]] = field(default_factory=list)
    headers_asked: list[Block] = field(default_factory=list)

    def read_block(self) -> Block:
        if self.failure:
            raise self.failure
        return make_block(self.chain_id)

    def read_head(self, calls: Sequence[Call]) -> HeadReading:
        self.batches.append(tuple(calls))
        block = replace(self.read_block(), block_hash=None)
        return HeadReading(block=block, results=self.read_calls(calls, block))

    def read_header(self, block: Block) -> Block:
        self.headers_asked.append(block)
        return make_block(self.chain_id, block.number)

    def read_calls(self, calls: Sequence[Call], block: Block) -> tuple[CallResult, ...]:
        self.blocks_asked.append(block.number)
        return tuple(self._answer(call) for call in calls)

    def read_fees(self) -> Fees:
        return self.fees

    def _answer(self, call: Call) -> CallResult:
        answer = self.answers[call.target.lower(), call.data[:4]]
        return answer(call.data[4:]) if callable(answer) else answer
