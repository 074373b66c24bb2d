"""The client's transfers carried out on local chains: what is promised arrives, and lies of the service are seen."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from alm_core.execution.allow_list import AllowList
from alm_core.execution.erc20 import balance_changes
from alm_core.model.errors import BadAnswer, SourceRejected, SourceUnavailable
from alm_core.model.pools import Token
from alm_core.model.ports import BridgeQuote
from alm_core.model.transactions import Log
from alm_core.model.transfers import BridgeTransfer, BridgeVerdict
from alm_localnet import Localnet, LocalnetConfig
from alm_localnet.bridges import BridgeFate
from alm_localnet.contracts import calldata
from alm_localnet.servers.faults import Fault
from alm_resources.http import SlidingWindow
from alm_resources.lifi import LifiClient, LifiCosts
from alm_resources.registry import Registry, load_registry
from alm_resources.signer import allow_list_from
from alm_tests.chain.conftest import START_AT

pytestmark = pytest.mark.chain

BASE, BSC = 8453, 56
AMOUNT = 2_000 * 10**6
FLOOR = 1_995 * 10**18


@pytest.fixture(scope="module")
def standing() -> Iterator[Localnet]:
    config = LocalnetConfig(start_at=START_AT, chains=(BASE, BSC), warm_up_minutes=2)
    with Localnet(config=config) as localnet:
        yield localnet


@pytest.fixture
def localnet(standing: Localnet) -> Iterator[Localnet]:
    with standing.restored():
        yield standing


@pytest.fixture
def registry(localnet: Localnet) -> Registry:
    return load_registry(localnet.registry_file)


def wallet(localnet: Localnet) -> str:
    return localnet.wallets.addresses["WETH-USDC"]


def tokens(registry: Registry) -> tuple[Token, Token]:
    return registry.token(BASE, "USDC"), registry.token(BSC, "USDC")


def quoted(localnet: Localnet, registry: Registry, floor: int = FLOOR) -> BridgeQuote:
    sell, buy = tokens(registry)
    return LifiClient.from_registry(registry).quote_bridge(
        sell=sell, buy=buy, sell_amount=AMOUNT, owner=wallet(localnet), min_buy_amount=floor
    )


def send(localnet: Localnet, quote: BridgeQuote) -> BridgeTransfer:
    rpc, owner = localnet.rpc(BASE), wallet(localnet)
    rpc.call("anvil_impersonateAccount", owner)
    rpc.transact(owner, quote.sell.address, calldata("approve(address,uint256)", quote.spender, quote.sell_amount))
    receipt = rpc.transact(owner, quote.tx.to, bytes.fromhex(quote.tx.data[2:]), gas=600_000)
    logs = tuple(
        Log(address=log["address"], topics=tuple(log["topics"]), data=log["data"], log_index=number)
        for number, log in enumerate(receipt["logs"])
    )
    (bound,) = quote.tx.bounds
    assert balance_changes(logs, owner) == {bound.token.lower(): bound.min_delta}
    return BridgeTransfer(
        intent_key="k",
        pair="WETH-USDC",
        wallet=owner.lower(),
        from_chain=BASE,
        to_chain=BSC,
        asset="quote",
        sell_token=quote.sell.address.lower(),
        buy_token=quote.buy.address.lower(),
        sent_amount=quote.sell_amount,
        expected_amount=quote.buy_amount,
        min_amount=quote.buy_amount_min,
        tool=quote.tool,
        started_at=localnet.now,
        tx_hash=receipt["transactionHash"],
    )


def balance(localnet: Localnet, token: Token) -> int:
    data = "0x" + calldata("balanceOf(address)", wallet(localnet)).hex()
    return int(localnet.rpc(token.chain_id).call("eth_call", {"to": token.address, "data": data}, "latest"), 16)


def test_what_the_calldata_promises_arrives(localnet: Localnet, registry: Registry) -> None:
    client, (_, buy) = LifiClient.from_registry(registry), tokens(registry)
    quote = quoted(localnet, registry)
    before = balance(localnet, buy)
    transfer = send(localnet, quote)
    assert client.read_status(transfer).verdict is BridgeVerdict.PENDING
    localnet.advance_to(localnet.now + timedelta(minutes=quote.duration_s / 60 + 1))
    assert balance(localnet, buy) - before == quote.buy_amount >= FLOOR
    status = client.read_status(transfer)
    assert (status.verdict, status.amount, status.chain_id) == (BridgeVerdict.DONE, quote.buy_amount, BSC)
    assert status.token == buy.address.lower()


def test_the_allow_list_lets_it_through_and_nothing_that_pays_another(localnet: Localnet, registry: Registry) -> None:
    allowed, quote = allow_list_from(registry, "WETH-USDC"), quoted(localnet, registry)
    assert allowed.refusals(quote.tx, wallet(localnet)) == ()
    assert any("recipient" in why for why in _of_another(allowed, quote))
    nowhere = AllowList(selectors=allowed.selectors, spenders=allowed.spenders)
    assert any("arrivals" in why for why in nowhere.refusals(quote.tx, wallet(localnet)))


def _of_another(allowed: AllowList, quote: BridgeQuote) -> Sequence[str]:

    other = "0x000000000000000000000000000000000000dead"
    return allowed.refusals(replace(quote.tx, sender=other), other)


@pytest.mark.parametrize(
    ("fate", "verdict"),
    [
        (BridgeFate(outcome="other_token", minutes=1), BridgeVerdict.PARTIAL),
        (BridgeFate(outcome="refunded", minutes=1), BridgeVerdict.REFUNDED),
        (BridgeFate(outcome="stuck", says=("FAILED", "EXPIRED")), BridgeVerdict.FAILED),
        (BridgeFate(outcome="stuck"), BridgeVerdict.PENDING),
        (BridgeFate(hidden_minutes=90), BridgeVerdict.NOT_FOUND),
    ],
    ids=str,
)
def test_each_end_of_a_transfer_has_its_verdict(
    localnet: Localnet, registry: Registry, fate: BridgeFate, verdict: BridgeVerdict
) -> None:
    localnet.bridges.fates.append(fate)
    transfer = send(localnet, quoted(localnet, registry))
    localnet.advance_to(localnet.now + timedelta(minutes=15))
    assert LifiClient.from_registry(registry).read_status(transfer).verdict is verdict


def test_a_status_of_something_sent_by_another_is_no_answer(localnet: Localnet, registry: Registry) -> None:
    transfer = send(localnet, quoted(localnet, registry))
    localnet.bridges.deliver()

    with pytest.raises(BadAnswer, match="toAddress"):
        LifiClient.from_registry(registry).read_status(replace(transfer, wallet="0x" + "11" * 20))


@pytest.mark.parametrize("kind", ["wrong_receiver", "wrong_minimum", "no_transaction"])
def test_what_was_tampered_with_is_refused_before_any_approval(
    localnet: Localnet, registry: Registry, kind: str
) -> None:
    localnet.faults.set("lifi", Fault(kind=kind))  # type: ignore[arg-type]
    with pytest.raises(BadAnswer):
        quoted(localnet, registry)


def test_a_floor_above_what_the_bridge_pays_is_refused(localnet: Localnet, registry: Registry) -> None:
    with pytest.raises(BadAnswer, match="outputAmount"):
        quoted(localnet, registry, floor=2_000 * 10**18)


def test_a_route_is_as_good_as_a_quote(localnet: Localnet, registry: Registry) -> None:
    sell, buy = tokens(registry)
    budgets = {"quote": SlidingWindow(calls=1, window_s=7200.0)}
    client = LifiClient.from_registry(registry, budgets=budgets)  # type: ignore[arg-type]
    asked = {"sell": sell, "buy": buy, "sell_amount": AMOUNT, "owner": wallet(localnet), "min_buy_amount": FLOOR}
    first, second = (client.quote_bridge(**asked) for _ in range(2))  # type: ignore[arg-type]
    assert first.buy_amount == second.buy_amount
    send(localnet, second)
    (arrived,) = localnet.bridges.deliver()
    assert arrived.bought_amount == second.buy_amount


def test_costs_are_asked_once_for_a_while(localnet: Localnet, registry: Registry) -> None:
    sell, buy = tokens(registry)
    costs = LifiCosts(LifiClient.from_registry(registry), _Memory())
    asked = len(localnet.servers["lifi"].requests)
    found = [costs.bridge_cost(sell, buy, AMOUNT + n, wallet(localnet), gas_usd=0.4) for n in range(3)]
    assert found[0] is not None
    assert found[0] == found[1] == found[2]
    assert len(localnet.servers["lifi"].requests) == asked + 1
    assert found[0].cost_frac == pytest.approx(5e-4 + 0.05 / 2_000, rel=0.01)
    assert (found[0].duration_s, found[0].gas_usd) == (240.0, 0.4)
    weth = registry.token(BASE, "WETH")
    price = localnet.market.price("WETH-USDC", localnet.clock.minute - 1)
    fair = int(AMOUNT * 10**12 / price)
    swap = costs.swap_cost(sell, weth, AMOUNT, wallet(localnet), fair_amount=fair, sold_usd=2_000.0)
    assert swap is not None
    assert 0.0 < swap.cost_frac < 0.005


def test_without_an_answer_or_budget_no_cost_is_known(localnet: Localnet, registry: Registry) -> None:
    sell, buy = tokens(registry)
    localnet.faults.set("lifi", Fault(kind="status", status=503, times=None))
    client = LifiClient.from_registry(registry)
    assert LifiCosts(client, _Memory()).bridge_cost(sell, buy, AMOUNT, wallet(localnet), gas_usd=0.4) is None
    localnet.faults.clear()
    spent = SlidingWindow(calls=1, window_s=7200.0)
    spent.take()
    costs = LifiCosts(client, _Memory(), budget=spent)
    assert costs.bridge_cost(sell, buy, AMOUNT, wallet(localnet), gas_usd=0.4) is None
    asked = len(localnet.servers["lifi"].requests)
    assert LifiCosts(client, _Broken()).bridge_cost(sell, buy, AMOUNT, wallet(localnet), gas_usd=0.4) is None
    assert len(localnet.servers["lifi"].requests) == asked


def test_a_service_that_is_down_is_unavailable(localnet: Localnet, registry: Registry) -> None:
    localnet.faults.set("lifi", Fault(kind="status", status=503, times=None))
    with pytest.raises(SourceUnavailable):
        quoted(localnet, registry)


def test_an_amount_that_fees_eat_up_has_no_route(localnet: Localnet, registry: Registry) -> None:
    sell, buy = tokens(registry)
    with pytest.raises(SourceRejected, match="No available quotes"):
        LifiClient.from_registry(registry).quote_bridge(
            sell=sell, buy=buy, sell_amount=1_000, owner=wallet(localnet), min_buy_amount=1
        )


class _Memory:
    def __init__(self) -> None:
        self._kept: dict[str, tuple[str, ...]] = {}

    def store_screen(self, key: str, reasons: Sequence[str], ttl_s: int) -> None:
        self._kept[key] = tuple(reasons)

    def read_screen(self, key: str) -> tuple[str, ...] | None:
        return self._kept.get(key)


class _Broken(_Memory):
    def read_screen(self, key: str) -> tuple[str, ...] | None:
        raise SourceUnavailable("dragonfly", f"no answer about {key}")
