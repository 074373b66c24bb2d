"""What the far side of a bridge does on the local chains, and what the service says of it."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from alm_core.execution.erc20 import transfer_from_log
from alm_core.model.errors import SourceRejected
from alm_core.model.transactions import Log
from alm_localnet import Localnet, LocalnetConfig
from alm_localnet.bridges import BridgeFate
from alm_localnet.config import LIFI_DIAMOND, SPOKE_POOL
from alm_localnet.contracts import calldata
from alm_localnet.deploy import fund
from alm_tests.chain.conftest import START_AT
from alm_tests.localnet.test_world import get, read

pytestmark = pytest.mark.chain

AMOUNT = 1_000 * 10**6
BASE, BSC = 8453, 56


@pytest.fixture(scope="module")
def standing() -> Iterator[Localnet]:
    config = LocalnetConfig(start_at=START_AT, chains=(BASE, BSC), warm_up_minutes=2)
    with Localnet(config=config) as localnet:
        yield localnet


@pytest.fixture
def localnet(standing: Localnet) -> Iterator[Localnet]:
    with standing.restored():
        yield standing


def query(localnet: Localnet, symbol: str = "USDC", amount: int = AMOUNT) -> dict[str, str]:
    source, target = localnet.chains
    return {
        "fromChain": str(BASE),
        "toChain": str(BSC),
        "fromToken": source.preset.tokens[symbol].address,
        "toToken": target.preset.tokens[symbol].address,
        "fromAddress": wallet(localnet),
        "fromAmount": str(amount),
        "slippage": "0.001",
    }


def wallet(localnet: Localnet) -> str:
    return localnet.wallets.addresses["WETH-USDC"]


def quote(localnet: Localnet, **changes: str) -> dict[str, Any]:
    words = query(localnet) | changes
    return get(f"{localnet.servers['lifi'].url}/v1/quote?" + "&".join(f"{name}={word}" for name, word in words.items()))


def post(url: str, body: object) -> Any:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read())


def send(localnet: Localnet, made: dict[str, Any]) -> str:
    """Approve and send a quote; the hash of the sending transaction."""
    source, owner, tx = localnet.chains[0], wallet(localnet), made["transactionRequest"]
    source.rpc.call("anvil_impersonateAccount", owner)
    sold, amount = made["action"]["fromToken"]["address"], int(made["action"]["fromAmount"])
    source.rpc.transact(owner, sold, calldata("approve(address,uint256)", LIFI_DIAMOND, amount))
    receipt = source.rpc.transact(owner, tx["to"], bytes.fromhex(tx["data"][2:]), gas=int(tx["gasLimit"], 16))
    assert read(source, sold, "allowance(address,address)", owner, LIFI_DIAMOND) == 0
    return receipt["transactionHash"]


def status(localnet: Localnet, tx_hash: str, **more: str) -> dict[str, Any]:
    words = {"txHash": tx_hash, "fromChain": str(BASE), "toChain": str(BSC)} | more
    return get(
        f"{localnet.servers['lifi'].url}/v1/status?" + "&".join(f"{name}={word}" for name, word in words.items())
    )


def verdict(localnet: Localnet, tx_hash: str) -> tuple[str, str]:
    answer = status(localnet, tx_hash)
    return answer["status"], answer.get("substatus", "")


def held(localnet: Localnet, number: int, symbol: str = "USDC") -> int:
    chain = localnet.chains[number]
    return read(chain, chain.preset.tokens[symbol].address, "balanceOf(address)", wallet(localnet))


def play(localnet: Localnet, minutes: int) -> None:
    localnet.advance_to(localnet.now + timedelta(minutes=minutes))


def test_what_is_sent_arrives_after_its_minutes_with_a_transfer_to_the_receiver(localnet: Localnet) -> None:
    made = quote(localnet)
    promised = int(made["estimate"]["toAmount"])
    assert made["transactionRequest"]["data"].startswith("0xa1f1ce43")
    assert 10**18 * 999 < promised < 10**18 * 1000  # the destination's token has 18 decimals
    before = [held(localnet, 0), held(localnet, 1)]
    tx_hash = send(localnet, made)
    assert before[0] - held(localnet, 0) == AMOUNT
    assert verdict(localnet, tx_hash)[0] == "PENDING"
    play(localnet, 3)
    assert (held(localnet, 1), verdict(localnet, tx_hash)) == (before[1], ("PENDING", "WAIT_DESTINATION_TRANSACTION"))
    play(localnet, 2)
    assert held(localnet, 1) - before[1] == promised
    answer = status(localnet, tx_hash)
    assert (answer["status"], answer["substatus"]) == ("DONE", "COMPLETED")
    assert answer["receiving"]["amount"] == str(promised)
    receipt = localnet.chains[1].rpc.call("eth_getTransactionReceipt", answer["receiving"]["txHash"])
    logs = [Log(address=x["address"], topics=tuple(x["topics"]), data=x["data"], log_index=0) for x in receipt["logs"]]
    moved = [transfer for log in logs if (transfer := transfer_from_log(log))]
    assert [(one.recipient, one.amount) for one in moved] == [(wallet(localnet).lower(), promised)]


def test_it_is_found_by_its_id_and_by_its_arrival_too(localnet: Localnet) -> None:
    tx_hash = send(localnet, quote(localnet))
    (arrived,) = localnet.bridges.deliver()
    for known_by in (arrived.transaction_id, arrived.arrivals[0].tx_hash):
        assert status(localnet, known_by)["sending"]["txHash"] == tx_hash


@pytest.mark.parametrize("symbol", ["USDT", "WETH", "WBTC"])
def test_every_token_of_the_pairs_crosses(localnet: Localnet, symbol: str) -> None:
    decimals = localnet.chains[0].preset.tokens[symbol].decimals
    amount = 100 * 10**decimals if symbol == "USDT" else 10**decimals // 10
    fund(localnet.chains[0], symbol, wallet(localnet), amount)
    before = held(localnet, 1, symbol)
    made = quote(localnet, **query(localnet, symbol, amount))
    send(localnet, made)
    localnet.bridges.deliver()
    promised = int(made["estimate"]["toAmount"])
    assert held(localnet, 1, symbol) - before == promised
    assert 0.998 < promised / 10 ** localnet.chains[1].preset.tokens[symbol].decimals / (amount / 10**decimals) < 1


@pytest.mark.parametrize(
    ("fate", "shown"),
    [
        (BridgeFate(outcome="short", delivered_frac=0.5), ("DONE", "COMPLETED")),
        (BridgeFate(outcome="twice"), ("DONE", "COMPLETED")),
        (BridgeFate(outcome="other_token"), ("DONE", "PARTIAL")),
        (BridgeFate(outcome="refunded"), ("DONE", "REFUNDED")),
        (BridgeFate(outcome="stuck"), ("PENDING", "WAIT_DESTINATION_TRANSACTION")),
        (BridgeFate(outcome="stuck", says=("DONE", "COMPLETED")), ("DONE", "COMPLETED")),
        (BridgeFate(says=("PENDING", "UNKNOWN_ERROR")), ("PENDING", "UNKNOWN_ERROR")),
        (BridgeFate(outcome="stuck", says=("FAILED", "EXPIRED")), ("FAILED", "EXPIRED")),
    ],
    ids=str,
)
def test_each_fate_moves_what_it_says_and_shows_what_it_shall(
    localnet: Localnet, fate: BridgeFate, shown: tuple[str, str]
) -> None:
    localnet.bridges.fates.append(fate)
    before = [held(localnet, 0), held(localnet, 1), held(localnet, 1, "USDT")]
    made = quote(localnet)
    tx_hash, promised = send(localnet, made), int(made["estimate"]["toAmount"])
    play(localnet, 30)
    moved = [held(localnet, 0) - before[0], held(localnet, 1) - before[1], held(localnet, 1, "USDT") - before[2]]
    expected = {
        "arrives": [-AMOUNT, promised, 0],
        "short": [-AMOUNT, promised // 2, 0],
        "twice": [-AMOUNT, 2 * promised, 0],
        "refunded": [0, 0, 0],
        "stuck": [-AMOUNT, 0, 0],
    }
    if fate.outcome == "other_token":
        assert moved[:2] == [-AMOUNT, 0]
        assert moved[2] == pytest.approx(promised, rel=0.01)
    else:
        assert moved == expected[fate.outcome]
    assert verdict(localnet, tx_hash) == shown


def test_the_service_may_know_nothing_of_it_for_a_while(localnet: Localnet) -> None:
    localnet.bridges.fates.append(BridgeFate(hidden_minutes=60))
    tx_hash = send(localnet, quote(localnet))
    play(localnet, 30)
    assert verdict(localnet, tx_hash)[0] == "NOT_FOUND"
    play(localnet, 35)
    assert verdict(localnet, tx_hash) == ("DONE", "COMPLETED")


def test_a_chain_that_is_set_back_forgets_what_was_sent_on_it(localnet: Localnet) -> None:
    rpc = localnet.chains[0].rpc
    snapshot = rpc.call("evm_snapshot")
    send(localnet, quote(localnet))
    assert len(localnet.bridges.crossings) == 1
    rpc.call("evm_revert", snapshot)
    assert localnet.bridges.crossings == ()


def test_a_route_has_the_same_step_and_gets_its_transaction_afterwards(localnet: Localnet) -> None:
    url, words = localnet.servers["lifi"].url, query(localnet)
    body = {
        "fromChainId": BASE,
        "toChainId": BSC,
        "fromTokenAddress": words["fromToken"],
        "toTokenAddress": words["toToken"],
        "fromAddress": words["fromAddress"],
        "fromAmount": words["fromAmount"],
        "options": {"slippage": 0.001, "bridges": {"allow": ["across"]}},
    }
    (route,) = post(f"{url}/v1/advanced/routes", body)["routes"]
    (step,) = route["steps"]
    assert "transactionRequest" not in step
    made = post(f"{url}/v1/advanced/stepTransaction", step)
    assert made["estimate"]["toAmount"] == route["toAmount"]
    send(localnet, made)
    (arrived,) = localnet.bridges.deliver()
    assert arrived.bought_amount == int(route["toAmount"])


def test_with_a_service_fee_the_diamond_pays_it_out_of_what_is_sent() -> None:
    config = LocalnetConfig(start_at=START_AT, chains=(BASE, BSC), warm_up_minutes=1, lifi_fee_bps=25)
    with Localnet(config=config) as localnet:
        made = quote(localnet)
        assert made["transactionRequest"]["data"].startswith("0x1794958f")
        assert [step["type"] for step in made["includedSteps"]] == ["protocol", "cross"]
        source = localnet.chains[0]
        usdc = source.preset.tokens["USDC"].address
        send(localnet, made)
        assert read(source, usdc, "balanceOf(address)", SPOKE_POOL) == AMOUNT * 9975 // 10_000
        assert read(source, usdc, "balanceOf(address)", LIFI_DIAMOND) == 0
        (arrived,) = localnet.bridges.deliver()
        assert arrived.bought_amount == int(made["estimate"]["toAmount"]) < 998 * 10**18


def test_usdt_crosses_again_and_again_with_a_fee_each_time() -> None:
    config = LocalnetConfig(start_at=START_AT, chains=(1, BASE), warm_up_minutes=1, lifi_fee_bps=25)
    with Localnet(config=config) as localnet:
        source, target = (chain.preset.tokens["USDT"].address for chain in localnet.chains)
        fund(localnet.chains[0], "USDT", wallet(localnet), 2 * AMOUNT)
        words = {"fromChain": "1", "toChain": str(BASE), "fromToken": source, "toToken": target}
        for _ in range(2):
            send(localnet, quote(localnet, **words))
        promised = [one.bought_amount for one in localnet.bridges.crossings]
        localnet.bridges.deliver()
        assert held(localnet, 1, "USDT") == sum(promised) < 2 * AMOUNT
        assert held(localnet, 0, "USDT") == 0


def test_the_spoke_pool_takes_no_old_quote(localnet: Localnet) -> None:
    made, source = quote(localnet), localnet.chains[0]
    head_s = int(source.rpc.call("eth_getBlockByNumber", "latest", False)["timestamp"], 16)
    source.rpc.call("evm_setNextBlockTimestamp", head_s + 3700)
    with pytest.raises(SourceRejected):
        send(localnet, made)


def test_another_asset_or_another_bridge_has_no_route(localnet: Localnet) -> None:
    other = localnet.chains[1].preset.tokens["WETH"].address
    for changes in ({"toToken": other}, {"allowBridges": "stargate"}, {"fromAmount": "1000"}):
        with pytest.raises(urllib.error.HTTPError) as caught:
            quote(localnet, **changes)
        assert (caught.value.code, json.loads(caught.value.read())["code"]) == (404, 1002)


def test_what_bridges_owe_is_undone_with_the_chains(standing: Localnet) -> None:
    with standing.restored():
        send(standing, quote(standing))
        assert standing.bridges.next_due() is not None
    assert standing.bridges.crossings == ()
