"""The running localnet: contracts, prices, volumes, quotes and candles agree with each other."""

import json
import urllib.error
import urllib.request
from datetime import timedelta
from typing import Any

import pytest

from alm_core.model.errors import InvalidInput, SourceRejected
from alm_localnet import Localnet, LocalnetConfig
from alm_localnet.config import LIFI_DIAMOND, MULTICALL3, PERMIT2
from alm_localnet.contracts import calldata
from alm_localnet.deploy import DeployedChain
from alm_localnet.pool_price import price_call, price_from
from alm_localnet.pools import LocalPool
from alm_tests.chain.conftest import START_AT

pytestmark = pytest.mark.chain


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.loads(answer.read())


def read(chain: DeployedChain, to: str, signature: str, *values: Any) -> int:
    data = "0x" + calldata(signature, *values).hex()
    return int(chain.rpc.call("eth_call", {"to": to, "data": data}, "latest")[:66], 16)


def pool_price(chain: DeployedChain, pool: LocalPool) -> float:
    to, data = price_call(pool)
    return price_from(pool, chain.rpc.call("eth_call", {"to": to, "data": "0x" + data.hex()}, "latest"))


def test_wellknown_contracts_answer_at_their_real_addresses(localnet: Localnet) -> None:
    for chain in localnet.chains:
        for address in (MULTICALL3, PERMIT2, LIFI_DIAMOND):
            assert len(chain.rpc.call("eth_getCode", address, "latest")) > 100
        preset = chain.preset
        assert read(chain, MULTICALL3, "getChainId()") == preset.chain_id
        assert read(chain, preset.position_manager, "factory()") == int(preset.factory, 16)
        assert read(chain, preset.position_manager, "WETH9()") == int(preset.wrapped_native, 16)
        for token in preset.tokens.values():
            assert read(chain, token.address, "decimals()") == token.decimals


def test_mainnet_pools_have_their_mainnet_addresses(localnet: Localnet) -> None:
    ethereum = localnet.chains[0]
    uniswap = [pool for pool in ethereum.pools if pool.deployment.dex == "uni-v3"]
    addresses = {(p.pair.pair_id, p.preset.fee_pips): p.address for p in uniswap}
    assert addresses["WETH-USDC", 500] == "0x88e6A0c2dDD26FEEb64F039a2c41296FcB3f5640"
    assert addresses["WETH-USDC", 3000] == "0x8ad599c3A0ff1De082011EFDDc58f1908eb6e6D8"


def test_token_order_on_avalanche_is_the_real_one(localnet: Localnet) -> None:
    avalanche = localnet.chains[2]
    for pool in (pool for pool in avalanche.pools if pool.deployment.family != "liquidity_book"):
        expected = pool.pair.quote if pool.pair.pair_id == "USDC-USDT" else pool.pair.base
        assert read(avalanche, pool.address, "token0()") == int(avalanche.preset.tokens[expected].address, 16)


def test_mainnet_usdt_returns_nothing_and_refuses_to_change_an_allowance(localnet: Localnet) -> None:
    ethereum = localnet.chains[0]
    usdt = ethereum.preset.tokens["USDT"].address
    approve = calldata("approve(address,uint256)", LIFI_DIAMOND, 5)
    call = {"from": ethereum.operator, "to": usdt, "data": "0x" + approve.hex()}
    assert ethereum.rpc.call("eth_call", call, "latest") == "0x"
    ethereum.rpc.transact(ethereum.operator, usdt, approve)
    with pytest.raises(SourceRejected, match="reset the allowance"):
        ethereum.rpc.call("eth_call", call, "latest")
    ethereum.rpc.transact(ethereum.operator, usdt, calldata("approve(address,uint256)", LIFI_DIAMOND, 0))
    ethereum.rpc.transact(ethereum.operator, usdt, approve)


def test_pools_stay_within_their_fee_of_the_candles(localnet: Localnet) -> None:
    symbols = {"WETH-USDC": "ETHUSDC", "USDC-USDT": "USDCUSDT"}
    for _ in range(3):
        localnet.advance_to(localnet.now + timedelta(minutes=15))
        for chain in localnet.chains:
            for pool in chain.pools:
                url = f"{localnet.servers['binance'].url}/api/v3/klines?interval=1m&limit=2"
                close = float(get(f"{url}&symbol={symbols[pool.pair.pair_id]}")[0][4])
                gap = abs(pool_price(chain, pool) / close - 1)
                assert gap <= pool.fee_frac + 0.0005, (chain.preset.name, pool.pair.pair_id, pool.preset.fee_pips)


def test_one_block_a_minute_stamped_with_its_end(localnet: Localnet) -> None:
    before = [int(chain.rpc.call("eth_blockNumber"), 16) for chain in localnet.chains]
    localnet.advance_to(localnet.now + timedelta(minutes=15))
    for chain, number in zip(localnet.chains, before, strict=True):
        head = chain.rpc.call("eth_getBlockByNumber", "latest", False)
        assert int(head["number"], 16) == number + 15
        assert int(head["timestamp"], 16) == int(localnet.now.timestamp())


def test_the_pool_service_reports_exactly_the_swaps_on_chain(localnet: Localnet) -> None:
    first = [int(chain.rpc.call("eth_blockNumber"), 16) + 1 for chain in localnet.chains]
    localnet.advance_to(localnet.now + timedelta(minutes=15))
    for chain, start in zip(localnet.chains, first, strict=True):
        for pool in (pool for pool in chain.pools if pool.deployment.family == "uniswap_v3"):
            logs = chain.rpc.call(
                "eth_getLogs", {"fromBlock": hex(start), "address": pool.address, "topics": [pool.dex.swap_topic]}
            )
            word = 1 if pool.base_is_token0 else 0
            raw = [int.from_bytes(bytes.fromhex(log["data"][2:])[32 * word :][:32], "big", signed=True) for log in logs]
            usd = sum(map(abs, raw)) / 10**pool.quote.decimals
            pool_object = get(
                f"{localnet.servers['geckoterminal'].url}/api/v2/networks/{chain.preset.gecko_network}/pools/{pool.address}"
            )["data"]["attributes"]
            assert usd > 0
            assert float(pool_object["volume_usd"]["m15"]) == pytest.approx(usd, rel=0.001)
            assert sum(pool_object["transactions"]["m15"][side] for side in ("buys", "sells")) == len(logs)
            reserve = sum(
                read(chain, token.address, "balanceOf(address)", pool.address) / 10**token.decimals * price
                for token, price in ((pool.base, pool_price(chain, pool)), (pool.quote, 1.0))
            )
            assert float(pool_object["reserve_in_usd"]) == pytest.approx(reserve, rel=0.001)


def test_every_quote_executes_and_pays_the_receiver(localnet: Localnet) -> None:
    for chain in localnet.chains:
        wallet = localnet.wallets.addresses["WETH-USDC"]
        stables = localnet.wallets.addresses["USDC-USDT"]
        rpc = chain.rpc
        for owner, sell, buy in (
            (wallet, "WETH", "USDC"),
            (wallet, "USDC", "WETH"),
            (stables, "USDT", "USDC"),
            (stables, "USDC", "USDT"),
        ):
            rpc.call("anvil_impersonateAccount", owner)
            sold, bought = chain.preset.tokens[sell], chain.preset.tokens[buy]
            amount = 10 ** (sold.decimals - 1) if sell == "WETH" else 100 * 10**sold.decimals
            quote = get(
                f"{localnet.servers['lifi'].url}/v1/quote?fromChain={chain.preset.chain_id}&toChain={chain.preset.chain_id}"
                f"&fromToken={sold.address}&toToken={bought.address}&fromAddress={owner}&fromAmount={amount}&slippage=0.001"
            )
            tx, estimate = quote["transactionRequest"], quote["estimate"]
            assert tx["data"].startswith("0x4666fc80")
            assert estimate.get("approvalReset", False) == sold.tether_like
            rpc.transact(owner, sold.address, calldata("approve(address,uint256)", estimate["approvalAddress"], amount))
            before = [read(chain, token.address, "balanceOf(address)", owner) for token in (sold, bought)]
            receipt = rpc.transact(owner, tx["to"], bytes.fromhex(tx["data"][2:]), gas=int(tx["gasLimit"], 16))
            after = [read(chain, token.address, "balanceOf(address)", owner) for token in (sold, bought)]
            assert before[0] - after[0] == amount
            assert after[1] - before[1] == int(estimate["toAmount"]) >= int(estimate["toAmountMin"]) > 0
            assert read(chain, sold.address, "allowance(address,address)", owner, LIFI_DIAMOND) == 0
            status = get(f"{localnet.servers['lifi'].url}/v1/status?txHash={receipt['transactionHash']}")
            assert (status["status"], status["substatus"]) == ("DONE", "COMPLETED")
            assert status["receiving"]["amount"] == estimate["toAmount"]


def test_a_swap_for_less_than_its_minimum_reverts(localnet: Localnet) -> None:
    chain, owner = localnet.chains[1], localnet.wallets.addresses["WETH-USDC"]
    usdc, weth = chain.preset.tokens["USDC"].address, chain.preset.tokens["WETH"].address
    query = f"fromChain=8453&toChain=8453&fromToken={usdc}&toToken={weth}&fromAddress={owner}&fromAmount=1000000000"
    tx = get(f"{localnet.servers['lifi'].url}/v1/quote?{query}&slippage=0")["transactionRequest"]
    chain.rpc.call("anvil_impersonateAccount", owner)
    chain.rpc.transact(owner, usdc, calldata("approve(address,uint256)", LIFI_DIAMOND, 10**9))
    chain.rpc.call("anvil_impersonateAccount", owner)
    other = get(f"{localnet.servers['lifi'].url}/v1/quote?{query}&slippage=0.01")["transactionRequest"]
    chain.rpc.transact(owner, other["to"], bytes.fromhex(other["data"][2:]))
    chain.rpc.transact(owner, usdc, calldata("approve(address,uint256)", LIFI_DIAMOND, 10**9))
    with pytest.raises(SourceRejected):
        chain.rpc.call("eth_call", {"from": owner, "to": tx["to"], "data": tx["data"]}, "latest")


def test_wallets_hold_their_capital_on_every_chain_and_keys_are_private(localnet: Localnet) -> None:
    for chain in localnet.chains:
        for pair in localnet.config.pairs:
            wallet = localnet.wallets.addresses[pair.pair_id]
            minute = localnet.clock.minute - 1
            usd = sum(
                read(chain, chain.preset.tokens[symbol].address, "balanceOf(address)", wallet)
                / 10 ** chain.preset.tokens[symbol].decimals
                * localnet.market.token_usd(symbol, minute)
                for symbol in (pair.base, pair.quote)
            )
            assert usd == pytest.approx(localnet.config.capital_usd, rel=0.05)
            assert int(chain.rpc.call("eth_getBalance", wallet, "latest"), 16) == 10 * 10**18
    assert localnet.wallets.password_file.stat().st_mode & 0o777 == 0o400
    assert "crypto" not in json.dumps(localnet.describe())


def test_time_only_goes_forward(localnet: Localnet) -> None:
    with pytest.raises(InvalidInput, match="lies before"):
        localnet.advance_to(localnet.now - timedelta(minutes=1))
    with pytest.raises(InvalidInput, match="time zone"):
        localnet.advance_to(localnet.now.replace(tzinfo=None))


def test_slow_callers_do_not_stop_the_clock(localnet: Localnet) -> None:
    chain = localnet.chains[1]
    chain.rpc.call("evm_setNextBlockTimestamp", int(localnet.now.timestamp()) + 200)
    chain.rpc.transact(chain.operator, chain.operator, b"")
    localnet.advance_to(localnet.now + timedelta(minutes=15))
    assert int(chain.rpc.call("eth_getBlockByNumber", "latest", False)["timestamp"], 16) == localnet.now.timestamp()


def test_what_a_test_does_is_undone(standing_localnet: Localnet) -> None:
    before = [chain.rpc.call("eth_blockNumber") for chain in standing_localnet.chains]
    with standing_localnet.restored():
        standing_localnet.advance_to(standing_localnet.now + timedelta(minutes=15))
    assert [chain.rpc.call("eth_blockNumber") for chain in standing_localnet.chains] == before
    assert standing_localnet.now == START_AT


def test_a_chain_with_eighteen_decimal_stables_works_too() -> None:
    with Localnet(config=LocalnetConfig(start_at=START_AT, chains=(56,), warm_up_minutes=2)) as localnet:
        chain = localnet.chains[0]
        for pool in chain.pools:
            close = localnet.market.price(pool.pair.pair_id, localnet.clock.minute - 1)
            assert pool_price(chain, pool) == pytest.approx(close, rel=pool.fee_frac * 1.01)
