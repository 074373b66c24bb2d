"""A pool and its position manager in memory: the family's real plans, carried out by a fake chain."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from eth_abi.abi import decode

from alm_core.execution.calldata import approved_amount
from alm_core.execution.erc20 import TRANSFER_TOPIC, address_word, uint_word
from alm_core.execution.position_logs import COLLECT_TOPIC, DECREASE_TOPIC, INCREASE_TOPIC
from alm_core.math.liquidity import amounts_for_liquidity, liquidity_for_amounts
from alm_core.math.orientation import sqrt_price_x96_from_price
from alm_core.math.tick import sqrt_price_x96_at_tick, tick_at_sqrt_price_x96
from alm_core.model.epochs import EPOCH_LENGTH
from alm_core.model.market import Block, PoolState, Position
from alm_core.model.pools import Pool, Token
from alm_core.model.ports import SwapQuote
from alm_core.model.transactions import Action, BalanceBound, Log, UnsignedTransaction
from alm_resources.dex.uniswap_v3 import UniswapV3Adapter
from alm_tests.core.execution.fakes import (
    GAS_PRICE,
    GAS_USED,
    OTHER_TOKEN,
    TOKEN,
    VENUE,
    WALLET,
    FakeChain,
    Ledgerable,
    MinedBlock,
    _hash,
    _receipt,
    transfer_log,
    tx_from,
)
from alm_tests.core.execution.test_allow_list import swap
from alm_tests.core.portfolio.scene import pool

PRICE = 2000.0
PLAIN = pool()
POOL = replace(PLAIN, token0=replace(PLAIN.token0, address=TOKEN), token1=replace(PLAIN.token1, address=OTHER_TOKEN))
SQRT_PRICE = sqrt_price_x96_from_price(POOL, PRICE)
HERE = tick_at_sqrt_price_x96(SQRT_PRICE) // POOL.tick_spacing * POOL.tick_spacing
WIDE = (HERE - 500, HERE + 500)
ABOVE = (HERE + 100, HERE + 600)
"""Single-sided: token0 alone."""


@dataclass
class Venue(Ledgerable):
    """What a block changes: positions of the wallet beside its balances."""

    positions: dict[int, Position] = field(default_factory=dict)
    next_id: int = 1


class V3Chain(FakeChain):
    """Carries out approvals, swaps and position calls as the real contracts do, and writes their events."""

    def __init__(self) -> None:
        super().__init__()
        self.now: Venue = Venue(tokens={TOKEN: 10 * 10**18, OTHER_TOKEN: 20_000 * 10**6})
        self.price_factor = 1.0
        self.epochs = 0

    def read_block(self) -> Block:
        block = super().read_block()
        return replace(block, block_at=block.block_at + self.epochs * EPOCH_LENGTH)

    @property
    def sqrt_price_x96(self) -> int:
        return sqrt_price_x96_from_price(POOL, PRICE * self.price_factor)

    def earn(self, fees0: int, fees1: int) -> None:
        """Every position earns."""
        for token_id, held in self.now.positions.items():
            self.now.positions[token_id] = replace(held, fees0=held.fees0 + fees0, fees1=held.fees1 + fees1)

    def _execute(self, block: MinedBlock, raw: str, fields: dict[str, object]) -> None:
        tx = tx_from(fields)
        logs = self._effects(tx)
        self.now.native -= GAS_USED * GAS_PRICE
        self.now.nonce += 1
        self.now.nonces_mined.append(int(str(fields["nonce"])))
        if tx.action is not Action.NOOP:
            self.now.effects.append(tx.summary)
        block.receipts[_hash(raw)] = _receipt(
            _hash(raw), block, True, tuple(replace(log, log_index=index) for index, log in enumerate(logs))
        )

    def _effects(self, tx: UnsignedTransaction) -> list[Log]:
        if tx.action in (Action.APPROVE, Action.APPROVE_RESET):
            self.now.allowances[(tx.to, str(tx.spender).lower())] = approved_amount(tx.data)
            return []
        if tx.action is Action.SWAP:
            return [self._move(bound.token, bound.min_delta, VENUE) for bound in tx.bounds]
        if tx.action is Action.NOOP:
            return []
        data = bytes.fromhex(tx.data[10:])
        return {
            Action.OPEN: self._open,
            Action.ADD: self._add,
            Action.COLLECT: self._collect,
            Action.CLOSE: self._close,
        }[tx.action](data)

    def _open(self, data: bytes) -> list[Log]:
        lower, upper, amount0, amount1 = (
            int.from_bytes(data[32 * at : 32 * at + 32], "big", signed=True) for at in (3, 4, 5, 6)
        )
        token_id, self.now.next_id = self.now.next_id, self.now.next_id + 1
        held = Position(
            pool_id=POOL.pool_id,
            token_id=token_id,
            tick_lower=lower,
            tick_upper=upper,
            liquidity=0,
            amount0=0,
            amount1=0,
            fees0=0,
            fees1=0,
        )
        minted = _nft_log(token_id, "0x" + "00" * 20, WALLET)
        return [minted, *self._grow(held, amount0, amount1)]

    def _add(self, data: bytes) -> list[Log]:
        token_id, amount0, amount1 = (int.from_bytes(data[32 * at : 32 * at + 32], "big") for at in range(3))
        return self._grow(self.now.positions[token_id], amount0, amount1)

    def _grow(self, held: Position, amount0: int, amount1: int) -> list[Log]:
        bounds = sqrt_price_x96_at_tick(held.tick_lower), sqrt_price_x96_at_tick(held.tick_upper)
        grown = liquidity_for_amounts(self.sqrt_price_x96, *bounds, amount0, amount1)
        used = amounts_for_liquidity(self.sqrt_price_x96, *bounds, grown, round_up=True)
        self.now.positions[held.token_id] = replace(held, liquidity=held.liquidity + grown)
        moves = [self._move(token, -used_, POOL.position_manager) for token, used_ in _by_token(used) if used_]
        return [*moves, _event(INCREASE_TOPIC, held.token_id, grown, *used)]

    def _collect(self, data: bytes) -> list[Log]:
        token_id = int.from_bytes(data[:32], "big")
        held = self.now.positions[token_id]
        self.now.positions[token_id] = replace(held, fees0=0, fees1=0)
        return self._pay(token_id, held.fees0, held.fees1)

    def _close(self, data: bytes) -> list[Log]:
        calls = decode(("bytes[]",), data)[0]
        token_id = int.from_bytes(calls[-1][4:36], "big")
        held = self.now.positions.pop(token_id)
        bounds = sqrt_price_x96_at_tick(held.tick_lower), sqrt_price_x96_at_tick(held.tick_upper)
        out = amounts_for_liquidity(self.sqrt_price_x96, *bounds, held.liquidity, round_up=False)
        taken = _event(DECREASE_TOPIC, token_id, held.liquidity, *out)
        paid = self._pay(token_id, out[0] + held.fees0, out[1] + held.fees1)
        return [taken, *paid, _nft_log(token_id, WALLET, "0x" + "00" * 20)]

    def _pay(self, token_id: int, *amounts: int) -> list[Log]:
        moves = [self._move(token, amount, POOL.position_manager) for token, amount in _by_token(amounts) if amount]
        return [*moves, _event(COLLECT_TOPIC, token_id, int(WALLET, 16), *amounts)]

    def _move(self, token: str, delta: int, other: str) -> Log:
        self.now.tokens[token] += delta
        assert self.now.tokens[token] >= 0
        if delta < 0:
            self.now.allowances[(token, other.lower())] = self.now.allowances.get((token, other.lower()), 0) + delta
            assert self.now.allowances[(token, other.lower())] >= 0, "spent more than was approved"
        return transfer_log(token, delta, 0)


class V3Dex(UniswapV3Adapter):
    """The real plans over what the fake chain holds."""

    def __init__(self, chain: V3Chain) -> None:
        self._chain = chain

    def pool_calls(self, pool: Pool) -> tuple[object, ...]:
        return ()

    def read_pool(self, pool: Pool, results: object, block: Block) -> PoolState:
        return PoolState(
            pool=pool,
            block=block,
            sqrt_price_x96=self._chain.sqrt_price_x96,
            tick=tick_at_sqrt_price_x96(self._chain.sqrt_price_x96),
            liquidity=10**20,
            fee_pips=pool.fee_pips,
            fee_growth_global0_x128=0,
            fee_growth_global1_x128=0,
        )

    def read_positions(self, chain: object, pools: object, owner: str, block: object) -> tuple[Position, ...]:
        return tuple(self._valued(held) for _, held in sorted(self._chain.now.positions.items()))

    def _valued(self, held: Position) -> Position:
        bounds = sqrt_price_x96_at_tick(held.tick_lower), sqrt_price_x96_at_tick(held.tick_upper)
        amount0, amount1 = amounts_for_liquidity(self._chain.sqrt_price_x96, *bounds, held.liquidity, round_up=False)
        return replace(held, amount0=amount0, amount1=amount1)


class FairSwaps:
    """Swaps at the independent price."""

    def __init__(self) -> None:
        self.quoted: list[tuple[str, int]] = []

    def quote_swap(self, *, sell: Token, buy: Token, sell_amount: int, owner: str, min_buy_amount: int) -> SwapQuote:
        self.quoted.append((sell.symbol, sell_amount))
        raw_price = PRICE * 10**6 / 10**18
        bought = int(sell_amount * raw_price) if sell.address == TOKEN else int(sell_amount / raw_price)
        bought = max(bought, min_buy_amount)
        tx = UnsignedTransaction(
            chain_id=sell.chain_id,
            sender=owner,
            to=VENUE,
            data=swap(owner, bought),
            value_wei=0,
            action=Action.SWAP,
            summary="swap",
            bounds=(
                BalanceBound(token=sell.address, min_delta=-sell_amount, max_delta=0),
                BalanceBound(token=buy.address, min_delta=bought, max_delta=2**128),
            ),
        )
        return SwapQuote(
            tx=tx,
            spender=VENUE,
            sell=sell,
            buy=buy,
            sell_amount=sell_amount,
            buy_amount=bought,
            buy_amount_min=bought,
            tool="fair",
        )


def _by_token(amounts: Sequence[int]) -> list[tuple[str, int]]:
    return list(zip((TOKEN, OTHER_TOKEN), amounts, strict=True))


def _event(topic: str, token_id: int, *words: int) -> Log:
    return Log(
        address=POOL.position_manager,
        topics=(topic, "0x" + uint_word(token_id)),
        data="0x" + "".join(uint_word(word) for word in words),
        log_index=0,
    )


def _nft_log(token_id: int, sender: str, recipient: str) -> Log:
    topics = (TRANSFER_TOPIC, "0x" + address_word(sender), "0x" + address_word(recipient), "0x" + uint_word(token_id))
    return Log(address=POOL.position_manager, topics=topics, data="0x", log_index=0)
