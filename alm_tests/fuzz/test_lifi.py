"""Quotes of Li.Fi: a broken one is refused, or still is the swap that was asked for."""

import json
import random
from typing import Any

import pytest
from eth_abi.abi import encode

from alm_core.model.errors import SourceError
from alm_core.model.ports import SwapQuote
from alm_resources.lifi import LifiClient
from alm_resources.lifi.calldata import decode_generic_swap
from alm_resources.registry import load_registry
from alm_tests.fuzz.harness import CASES, assert_told_apart, fuzz, refused
from alm_tests.fuzz.mutation import Seed, broken_body, broken_words
from alm_tests.fuzz.transport import ByteSession

pytestmark = pytest.mark.timeout(300 + CASES // 500)

REGISTRY = load_registry(None)
USDC, WETH = REGISTRY.token(1, "USDC"), REGISTRY.token(1, "WETH")
DIAMOND = REGISTRY.chain(1).lifi_diamond
OWNER = "0x552008c0f6870c2f77e5cC1d2eb9bdff03e30Ea0"
EXECUTOR = "0x2dfaDAB8266483beD9Fd9A292Ce56596a2D1378D"
SELL_AMOUNT, MIN_BUY_AMOUNT = 10**9, 3 * 10**17
BUY_AMOUNT = MIN_BUY_AMOUNT * 1000 // 995
SLIPPAGE_FRAC = 0.005

_SWAP = "(address,address,address,address,uint256,bytes,bool)"
_HEAD = ("bytes32", "string", "string", "address", "uint256")


def _calldata(hops: int) -> bytes:
    path = [USDC.address, *(f"0x{n:040x}" for n in range(1, hops)), WETH.address]
    steps = [(EXECUTOR, EXECUTOR, path[n], path[n + 1], SELL_AMOUNT - n, b"\x01\x02\x03", n == 0) for n in range(hops)]
    many = hops > 1
    values = (b"\x07" * 32, "alm", "0x" + "00" * 20, OWNER, MIN_BUY_AMOUNT, steps if many else steps[0])
    return bytes.fromhex("5fd9ae2e" if many else "4666fc80") + encode((*_HEAD, f"{_SWAP}[]" if many else _SWAP), values)


def _quote(calldata: bytes) -> dict[str, Any]:
    tokens = {
        name: {"address": token.address, "chainId": 1, "decimals": token.decimals, "symbol": token.symbol}
        for name, token in (("fromToken", USDC), ("toToken", WETH))
    }
    action = {"fromChainId": 1, "toChainId": 1, **tokens, "fromAmount": str(SELL_AMOUNT), "slippage": SLIPPAGE_FRAC}
    return {
        "id": "a8dc011a",
        "type": "lifi",
        "tool": "1inch",
        "action": {**action, "fromAddress": OWNER, "toAddress": OWNER},
        "estimate": {
            "fromAmount": str(SELL_AMOUNT),
            "toAmount": str(BUY_AMOUNT),
            "toAmountMin": str(MIN_BUY_AMOUNT),
            "approvalAddress": DIAMOND,
        },
        "transactionRequest": {
            "to": DIAMOND,
            "from": OWNER,
            "chainId": 1,
            "value": "0x0",
            "data": "0x" + calldata.hex(),
            "gasLimit": "0x7a120",
        },
    }


CALLDATA = [_calldata(1), _calldata(3)]
SEEDS = [Seed(_quote(data)) for data in CALLDATA]
TEXTS = [json.dumps(_quote(b"\x00")).replace("0x00", "0x{}") for _ in CALLDATA]


class Service:
    """A client of Li.Fi that is answered with one body."""

    def __init__(self) -> None:
        self._session = ByteSession(lambda _url, _sent: (200, self._body))
        self._body = b""
        self._client = LifiClient(
            "http://lifi/v1", {1: DIAMOND}, slippage_frac=SLIPPAGE_FRAC, session=self._session, sleep=_never
        )

    def quote(self, body: bytes) -> SwapQuote:
        """Read the body as the answer to the question of this module."""
        self._body, self._session.asked = body, 0
        return self._client.quote_swap(
            sell=USDC, buy=WETH, sell_amount=SELL_AMOUNT, owner=OWNER, min_buy_amount=MIN_BUY_AMOUNT
        )


def _never(_seconds: float) -> None:
    raise AssertionError("a body was asked for twice")


def broken_quote(rng: random.Random) -> bytes:
    """Body of a quote, broken in its JSON or in the words of its calldata."""
    at = rng.randrange(len(SEEDS))
    if rng.random() < 0.6:
        return broken_body(rng, SEEDS[at])
    data = CALLDATA[at][:4] + broken_words(rng, CALLDATA[at][4:])
    return TEXTS[at].replace("0x{}", "0x" + data.hex()).encode()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_right_quote_is_the_swap_that_was_asked_for(seed: Seed) -> None:
    assert_asked_for(Service().quote(seed.body))


def test_a_broken_quote_is_refused_or_the_swap_that_was_asked_for(record_property: Any) -> None:
    service = Service()

    def check(body: bytes) -> bool:
        try:
            quote = service.quote(body)
        except SourceError as error:
            return refused(error, "lifi")
        assert_asked_for(quote)
        return True

    verdicts = fuzz("quote of lifi", broken_quote, check)
    record_property("fuzz", dict(verdicts))
    assert_told_apart(verdicts)


def assert_asked_for(quote: SwapQuote) -> None:
    """Whatever was read, what would be signed sells our amount, pays us, and at least the minimum."""
    tx = quote.tx
    assert (tx.to, tx.sender, tx.chain_id, tx.value_wei) == (DIAMOND, OWNER, 1, 0)
    assert quote.spender == DIAMOND
    assert quote.sell_amount == SELL_AMOUNT
    assert MIN_BUY_AMOUNT <= quote.buy_amount_min <= quote.buy_amount < 2**256
    swap = decode_generic_swap(tx.data)
    assert swap.receiver.lower() == OWNER.lower()
    assert swap.min_amount_out == quote.buy_amount_min
    assert swap.steps[0].sending_asset.lower() == USDC.address.lower()
    assert swap.steps[0].from_amount == SELL_AMOUNT
    assert swap.steps[-1].receiving_asset.lower() == WETH.address.lower()
    assert sum(step.requires_deposit for step in swap.steps) <= 1
    assert tx.summary.isprintable(), tx.summary
