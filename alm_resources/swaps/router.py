"""Swaps through the router of a pool of the pair: no service is asked, only the chain."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from alm_core.execution.swap_calls import RouterSwap, router_swap_data
from alm_core.model.chain_ports import Call, CallResult, ChainClient
from alm_core.model.errors import InvalidInput, SourceRejected
from alm_core.model.market import Block
from alm_core.model.pools import Pool, Token
from alm_core.model.ports import SwapQuote
from alm_core.model.transactions import Action, BalanceBound, UnsignedTransaction
from alm_resources.registry import Registry
from alm_resources.swaps.routers import Router, routers_of

SOURCE = "router"
DEADLINE_S = 120
# A swap may always bring more than expected.
_MAX_GAIN = 2**255 - 1
_PPM = 1_000_000

_V3_QUOTE = "quoteExactInputSingle((address,address,uint256,uint24,uint160))"
# Algebra V1 has two quoters; the older one, on Polygon, takes the same words without a struct.
_ALGEBRA_QUOTES = (
    "quoteExactInputSingle((address,address,uint256,uint160))",
    "quoteExactInputSingle(address,address,uint256,uint160)",
)
_INTEGRAL_QUOTE = "quoteExactInputSingle((address,address,address,uint256,uint160))"


@dataclass(frozen=True, slots=True)
class _Offer:
    pool: Pool
    router: Router
    buy_amount: int


class RouterSwaps:
    """Quotes swaps through the one pool that pays most, with a minimum, a deadline and the wallet as recipient.

    Parameters
    ----------
    chains
        Clients by chain id.
    pools
        Pools to choose from.
    routers
        By chain and DEX; pools without one do not take part.
    slippage_frac
        By which the minimum may be below what the quoter says; never below the caller's own minimum.
    deadline_s
        Life of a transaction after the block at which it was quoted.
    """

    def __init__(
        self,
        chains: Mapping[int, ChainClient],
        pools: Sequence[Pool],
        routers: Mapping[tuple[int, str], Router],
        *,
        slippage_frac: float = 0.001,
        deadline_s: int = DEADLINE_S,
    ) -> None:
        self._chains = chains
        self._pools = tuple(pool for pool in pools if (pool.chain_id, pool.dex) in routers)
        self._routers = dict(routers)
        self._kept_ppm = _PPM - round(slippage_frac * _PPM)
        self._deadline_s = deadline_s

    @classmethod
    def from_registry(cls, registry: Registry, chains: Mapping[int, ChainClient]) -> "RouterSwaps":
        """Build from all pools that are traded and the routers of their deployments."""
        pools = [pool for pair in registry.pairs for pool in registry.pools_of(pair.pair_id)]
        return cls(chains, pools, routers_of(registry, pools))

    def quote_swap(self, *, sell: Token, buy: Token, sell_amount: int, owner: str, min_buy_amount: int) -> SwapQuote:
        """Quote a swap whose calldata pays ``owner`` at least ``min_buy_amount``.

        Raises
        ------
        SourceRejected
            If no pool of the two tokens has a router, or none pays the minimum.
        SourceUnavailable
            If the chain does not answer.
        InvalidInput
            If the request makes no sense.
        """
        if sell.chain_id != buy.chain_id or sell.address == buy.address:
            raise InvalidInput(f"swap {sell.address} to {buy.address}: must be two tokens of one chain")
        if sell_amount <= 0 or min_buy_amount <= 0:
            raise InvalidInput(f"swap of {sell_amount} for at least {min_buy_amount}: both must be positive")
        block = self._chains[sell.chain_id].read_block()
        offer = self._best(sell, buy, sell_amount, block)
        if offer.buy_amount < min_buy_amount:
            detail = f"pool {offer.pool.pool_id} pays {offer.buy_amount} {buy.symbol}, wanted are {min_buy_amount}"
            raise SourceRejected(SOURCE, detail)
        minimum = max(min_buy_amount, offer.buy_amount * self._kept_ppm // _PPM)
        swap = RouterSwap(
            sold=sell.address.lower(),
            bought=buy.address.lower(),
            recipient=owner.lower(),
            deadline_s=int((block.block_at + timedelta(seconds=self._deadline_s)).timestamp()),
            sell_amount=sell_amount,
            min_buy_amount=minimum,
        )
        return SwapQuote(
            tx=_transaction(offer, swap, sell, buy, owner),
            spender=offer.router.address,
            sell=sell,
            buy=buy,
            sell_amount=sell_amount,
            buy_amount=offer.buy_amount,
            buy_amount_min=minimum,
            tool=f"router of {offer.pool.dex}",
        )

    def _best(self, sell: Token, buy: Token, sell_amount: int, block: Block) -> _Offer:
        pools = [pool for pool in self._pools if {pool.token0, pool.token1} == {sell, buy}]
        asked = [
            (pool, Call(target=self._router(pool).quoter, data=data, may_fail=True))
            for pool in pools
            for data in _questions(pool, sell, buy, sell_amount)
        ]
        if not asked:
            detail = f"no pool of {sell.symbol} and {buy.symbol} on chain {sell.chain_id} has a router we can use"
            raise SourceRejected(SOURCE, detail)
        answers = self._chains[sell.chain_id].read_calls([call for _, call in asked], block)
        offers = [
            _Offer(pool, self._router(pool), amount)
            for (pool, _), answer in zip(asked, answers, strict=True)
            if (amount := _amount_of(answer)) is not None
        ]
        if not offers:
            raise SourceRejected(SOURCE, f"no pool on chain {sell.chain_id} takes {sell_amount} {sell.symbol}")
        return max(offers, key=lambda offer: offer.buy_amount)

    def _router(self, pool: Pool) -> Router:
        return self._routers[pool.chain_id, pool.dex]


def _transaction(offer: _Offer, swap: RouterSwap, sell: Token, buy: Token, owner: str) -> UnsignedTransaction:
    pool = offer.pool
    return UnsignedTransaction(
        chain_id=sell.chain_id,
        sender=owner,
        to=offer.router.address,
        data=router_swap_data(pool.family, swap, _key(pool)),
        value_wei=0,
        action=Action.SWAP,
        summary=(
            f"swap {swap.sell_amount} {sell.symbol} for at least {swap.min_buy_amount} {buy.symbol}"
            f" via the router of {pool.dex}"
        ),
        bounds=(
            BalanceBound(token=sell.address, min_delta=-swap.sell_amount, max_delta=-swap.sell_amount),
            BalanceBound(token=buy.address, min_delta=swap.min_buy_amount, max_delta=_MAX_GAIN),
        ),
    )


def _key(pool: Pool) -> int:
    """What else names a pool to its router: its fee, or the deployer of a custom pool, which is mostly none."""
    if pool.family == "uniswap_v3":
        return pool.fee_pips or 0
    return int(dict(pool.contracts).get("custom_deployer", "0x0"), 16)


def _questions(pool: Pool, sell: Token, buy: Token, amount: int) -> list[bytes]:
    """Calldata for the quoter; of two forms only one is answered."""
    if pool.family == "uniswap_v3":
        return [_encoded(_V3_QUOTE, (sell.address, buy.address, amount, pool.fee_pips, 0))]
    if pool.family == "algebra_integral":
        deployer = dict(pool.contracts).get("custom_deployer", "0x" + "00" * 20)
        return [_encoded(_INTEGRAL_QUOTE, (sell.address, buy.address, deployer, amount, 0))]
    return [_encoded(signature, (sell.address, buy.address, amount, 0)) for signature in _ALGEBRA_QUOTES]


def _encoded(signature: str, values: tuple[object, ...]) -> bytes:
    types = signature[signature.index("(") :].strip("()").split(",")
    return keccak(text=signature)[:4] + encode(types, values)


def _amount_of(answer: CallResult) -> int | None:
    if not answer.succeeded or len(answer.data) < 32:
        return None
    return int.from_bytes(answer.data[:32], "big") or None
