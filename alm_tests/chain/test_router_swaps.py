"""Swaps through routers of our own pools, on their real contracts: the fallback for when Li.Fi has no quote."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from alm_core.execution.calldata import payees_of, swap_minimum
from alm_core.execution.erc20 import balance_changes
from alm_core.execution.swap_calls import router_swap_of
from alm_core.model.chain_ports import ChainClient
from alm_core.model.errors import InvalidInput, SourceRejected, SourceUnavailable
from alm_core.model.pools import Token
from alm_core.model.ports import SwapQuote
from alm_core.model.transactions import Log
from alm_localnet import Localnet
from alm_localnet.contracts import calldata
from alm_localnet.deploy import fund
from alm_localnet.servers.faults import Fault
from alm_localnet.worlds import every_family
from alm_resources.chains import chains_from
from alm_resources.lifi import LifiClient
from alm_resources.registry import Registry, load_registry
from alm_resources.signer import allow_list_from
from alm_resources.swaps import FallbackSwaps, RouterSwaps
from alm_resources.swaps.routers import Router, routers_of
from alm_tests.chain.conftest import START_AT

pytestmark = pytest.mark.chain

PAIR = "WETH-USDC"
OWNER = "0x552008c0f6870c2f77e5cC1d2eb9bdff03e30Ea0"
AMOUNT = 10**17
DEXES = [(1, "uni-v3"), (137, "quickswap-v3"), (43114, "blackhole-v3.200")]


@pytest.fixture(scope="module")
def standing() -> Iterator[Localnet]:
    config = replace(every_family(), start_at=START_AT, chains=(1, 137, 43114), warm_up_minutes=2)
    with Localnet(config=config) as localnet:
        for chain in localnet.chains:
            chain.rpc.call("anvil_setBalance", OWNER, hex(10**20))
            chain.rpc.call("anvil_impersonateAccount", OWNER)
            fund(chain, "WETH", OWNER, 10 * AMOUNT)
        yield localnet


@pytest.fixture(scope="module")
def registry(standing: Localnet) -> Registry:
    return load_registry(standing.registry_file)


@pytest.fixture(scope="module")
def chains(registry: Registry) -> Iterator[dict[int, ChainClient]]:
    opened = chains_from(registry)
    yield opened
    for chain in opened.values():
        chain.close()  # type: ignore[attr-defined]


@pytest.fixture
def localnet(standing: Localnet) -> Iterator[Localnet]:
    with standing.restored():
        yield standing


def routers(registry: Registry) -> dict[tuple[int, str], Router]:
    return routers_of(registry, registry.pools_of(PAIR))


def only(registry: Registry, chains: dict[int, ChainClient], chain_id: int, dex: str) -> RouterSwaps:
    return RouterSwaps(chains, registry.pools_of(PAIR), {(chain_id, dex): routers(registry)[chain_id, dex]})


def asked(registry: Registry, chain_id: int) -> tuple[Token, Token]:
    return registry.token(chain_id, "WETH"), registry.token(chain_id, "USDC")


def quoted(swaps: object, registry: Registry, chain_id: int, floor: int = 1) -> SwapQuote:
    sell, buy = asked(registry, chain_id)
    return swaps.quote_swap(  # type: ignore[attr-defined]
        sell=sell, buy=buy, sell_amount=AMOUNT, owner=OWNER, min_buy_amount=floor
    )


def carry_out(localnet: Localnet, quote: SwapQuote) -> dict[str, int]:
    rpc, approve = localnet.rpc(quote.tx.chain_id), "approve(address,uint256)"
    rpc.transact(OWNER, quote.sell.address, calldata(approve, quote.spender, quote.sell_amount))
    receipt = rpc.transact(OWNER, quote.tx.to, bytes.fromhex(quote.tx.data[2:]))
    logs = tuple(
        Log(address=log["address"], topics=tuple(log["topics"]), data=log["data"], log_index=number)
        for number, log in enumerate(receipt["logs"])
    )
    left = calldata("allowance(address,address)", OWNER, quote.spender)
    assert int(rpc.call("eth_call", {"to": quote.sell.address, "data": "0x" + left.hex()}, "latest"), 16) == 0
    return balance_changes(logs, OWNER)


@pytest.mark.parametrize(("chain_id", "dex"), DEXES)
def test_a_swap_pays_what_the_quoter_said_to_the_wei(
    localnet: Localnet, registry: Registry, chains: dict[int, ChainClient], chain_id: int, dex: str
) -> None:
    quote = quoted(only(registry, chains, chain_id, dex), registry, chain_id)
    assert quote.buy_amount * 999 // 1000 == quote.buy_amount_min == swap_minimum(quote.tx.data)
    assert allow_list_from(registry, PAIR).refusals(quote.tx, OWNER) == ()
    assert payees_of(quote.tx.data).recipients == (OWNER.lower(),)
    changes = carry_out(localnet, quote)
    assert changes == {quote.sell.address.lower(): -AMOUNT, quote.buy.address.lower(): quote.buy_amount}
    for bound in quote.tx.bounds:
        assert bound.min_delta <= changes[bound.token.lower()] <= bound.max_delta


@pytest.mark.parametrize(("chain_id", "dex"), DEXES)
def test_a_swap_that_comes_too_late_or_would_pay_less_reverts(
    localnet: Localnet, registry: Registry, chains: dict[int, ChainClient], chain_id: int, dex: str
) -> None:
    swaps, rpc = only(registry, chains, chain_id, dex), localnet.rpc(chain_id)
    late = quoted(swaps, registry, chain_id)
    deadline_s = router_swap_of(late.tx.data).deadline_s
    rpc.transact(OWNER, late.sell.address, calldata("approve(address,uint256)", late.spender, AMOUNT))
    rpc.call("evm_setNextBlockTimestamp", deadline_s + 1)
    with pytest.raises(SourceRejected, match="reverted"):
        rpc.transact(OWNER, late.tx.to, bytes.fromhex(late.tx.data[2:]))
    fresh = quoted(swaps, registry, chain_id)
    word = f"{fresh.buy_amount_min:064x}"
    assert fresh.tx.data.count(word) == 1
    greedy = fresh.tx.data.replace(word, f"{fresh.buy_amount + 1:064x}")
    with pytest.raises(SourceRejected):
        rpc.call("eth_call", {"from": OWNER, "to": fresh.tx.to, "data": greedy}, "latest")
    rpc.call("eth_call", {"from": OWNER, "to": fresh.tx.to, "data": fresh.tx.data}, "latest")


def test_a_floor_no_pool_pays_is_refused(registry: Registry, chains: dict[int, ChainClient]) -> None:
    for chain_id, dex in DEXES:
        swaps = only(registry, chains, chain_id, dex)
        pays = quoted(swaps, registry, chain_id).buy_amount
        assert quoted(swaps, registry, chain_id, floor=pays).buy_amount_min == pays
        with pytest.raises(SourceRejected, match="wanted are"):
            quoted(swaps, registry, chain_id, floor=pays + 1)


def test_the_pool_that_pays_most_is_taken(registry: Registry, chains: dict[int, ChainClient]) -> None:
    best = quoted(RouterSwaps.from_registry(registry, chains), registry, 137)
    each = [
        quoted(only(registry, chains, 137, dex), registry, 137).buy_amount
        for chain_id, dex in routers(registry)
        if chain_id == 137
    ]
    assert len(each) > 1
    assert best.buy_amount == max(each)


def test_where_lifi_is_down_or_lies_the_router_swaps(
    localnet: Localnet, registry: Registry, chains: dict[int, ChainClient]
) -> None:
    swaps = FallbackSwaps([LifiClient.from_registry(registry), RouterSwaps.from_registry(registry, chains)])
    assert quoted(swaps, registry, 1).spender == registry.chain(1).lifi_diamond
    for fault in (Fault(kind="status", status=503, times=None), Fault(kind="wrong_receiver", times=None)):
        localnet.faults.set("lifi", fault)
        quote = quoted(swaps, registry, 1)
        assert quote.tool == "router of uni-v3"
        assert quote.spender == routers(registry)[1, "uni-v3"].address
    assert carry_out(localnet, quote)[quote.buy.address.lower()] == quote.buy_amount


@pytest.mark.parametrize("down", [False, True], ids=["lifi", "router"])
def test_usdt_is_sold_with_an_exact_approval_that_nothing_is_left_of(
    localnet: Localnet, registry: Registry, chains: dict[int, ChainClient], down: bool
) -> None:
    sell, buy, amount = registry.token(1, "USDT"), registry.token(1, "USDC"), 500 * 10**6
    fund(localnet.chains[0], "USDT", OWNER, 2 * amount)
    swaps = FallbackSwaps([LifiClient.from_registry(registry), RouterSwaps.from_registry(registry, chains)])
    localnet.faults.set("lifi", Fault(kind="status", status=503, times=None) if down else None)
    for _ in range(2):
        quote = swaps.quote_swap(
            sell=sell, buy=buy, sell_amount=amount, owner=OWNER, min_buy_amount=amount * 997 // 1000
        )
        assert quote.tool.startswith("router") == down
        # USDT refuses an approval on top of another: the second round passes only because nothing was left.
        changes = carry_out(localnet, quote)
        assert changes[sell.address.lower()] == -amount
        assert changes[buy.address.lower()] >= quote.buy_amount_min


def test_where_nobody_has_a_quote_each_says_why(
    localnet: Localnet, registry: Registry, chains: dict[int, ChainClient]
) -> None:
    localnet.faults.set("lifi", Fault(kind="status", status=503, times=None))
    swaps = FallbackSwaps([LifiClient.from_registry(registry), RouterSwaps.from_registry(registry, chains)])
    with pytest.raises(SourceUnavailable, match=r"lifi: HTTP 503.*router: pool"):
        quoted(swaps, registry, 1, floor=10**30)


def test_a_chain_without_routers_and_a_request_without_sense_are_refused(
    registry: Registry, chains: dict[int, ChainClient]
) -> None:
    nothing = RouterSwaps(chains, registry.pools_of(PAIR), {})
    with pytest.raises(SourceRejected, match="has a router"):
        quoted(nothing, registry, 1)
    sell, buy = asked(registry, 1)
    for change in ({"buy": sell}, {"buy": asked(registry, 137)[1]}, {"sell_amount": 0}, {"min_buy_amount": 0}):
        request = {"sell": sell, "buy": buy, "sell_amount": 1, "owner": OWNER, "min_buy_amount": 1} | change
        with pytest.raises(InvalidInput):
            nothing.quote_swap(**request)  # type: ignore[arg-type]


def test_a_swap_to_another_or_one_that_may_stop_is_not_allowed(
    registry: Registry, chains: dict[int, ChainClient]
) -> None:
    allowed = allow_list_from(registry, PAIR)
    for chain_id, dex in DEXES:
        tx = quoted(only(registry, chains, chain_id, dex), registry, chain_id).tx
        stolen = replace(tx, data=tx.data.replace(OWNER[2:].lower(), "00" * 18 + "dead"))
        assert any("recipient" in why for why in allowed.refusals(stolen, OWNER))
        stopping = replace(tx, data=tx.data[:-1] + "1")
        assert any("stop at a price" in why for why in allowed.refusals(stopping, OWNER))
        elsewhere = replace(tx, to="0x" + "11" * 20)
        assert allowed.refusals(elsewhere, OWNER)
