"""Payloads of V3-shaped families against what the reference system would send.

Where it encodes the real functions, ours are the same field by field but for the minima (ours follow from a price
interval, its are half a percent off, none when burning). Documented differences: approvals are of exactly the amounts,
and a close is one multicall that burns the token too. Where its encoding is not that of the contract, the tests show
what differs and why.
"""

from datetime import UTC, datetime
from typing import Any

import pytest
from eth_abi.abi import decode

from alm_core.math.liquidity import price_interval
from alm_core.math.tick import tick_at_sqrt_price_x96
from alm_core.model.market import PoolState, Position
from alm_core.model.pools import Pool, Token
from alm_resources.dex import adapters
from alm_resources.dex.uniswap_v3 import abi
from alm_tests.golden.conftest import Tally
from alm_tests.golden.vectors import load
from alm_tests.resources.dex.fakes import make_block, make_token

SAME = {
    "uni-v3": "uniswap_v3",
    "pcs-v3": "pancake_v3",
    "pangolin-v3": "pangolin_v3",
    "project-x-v3": "uniswap_v3",
    "quickswap-v3": "algebra_v1",
    "camelot-v3": "algebra_v1",
}
OTHER = {
    "aero-v3": "slipstream",
    "ramses-v3": "ramses_v3",
    "pharaoh-v3": "ramses_v3",
    "blackhole-v3": "algebra_integral",
}
FAMILIES = SAME | OTHER
HAVE_FEE = ("uniswap_v3", "pancake_v3", "pangolin_v3")
MINT_BY_FEE, MINT_BY_PAIR = "88316456", "9cc1a283"
NO_DEPLOYER = "00" * 32
pytestmark = pytest.mark.reference


def words_of(data: str) -> list[str]:
    return [data[start : start + 64] for start in range(10, len(data), 64)]


def signed(word: str) -> int:
    value = int(word, 16)
    return value - 2**256 if value >> 255 else value


def cases_of(dexes: dict[str, str], operation: str) -> list[dict[str, Any]]:
    return [case for case in load("calldata") if case["dex"] in dexes and case["op"] == operation]


class Recorded:
    """A mint of the reference by its fields; the key is there where its encoding has one."""

    def __init__(self, case: dict[str, Any]) -> None:
        (self.tx,) = case["txs"]
        self.selector = self.tx["data"][2:10]
        words = words_of(self.tx["data"])
        self.key = [words.pop(2)] if self.selector == MINT_BY_FEE else []
        self.tokens = words[:2]
        self.ticks = words[2:4]
        self.amounts, self.minima = words[4:6], words[6:8]
        self.recipient, self.deadline = words[8:]
        self.case = case


def pool_of(case: dict[str, Any], addresses: tuple[str, str]) -> Pool:
    family = FAMILIES[case["dex"]]
    token0, token1 = (token(case["chain"], address) for address in addresses)
    return Pool(
        chain_id=case["chain"],
        address=case["pool"],
        dex=case["dex"],
        family=family,
        factory="0x" + "fa" * 20,
        position_manager=case["txs"][0]["to"],
        token0=token0,
        token1=token1,
        fee_pips=case["onchain"].get("fee") if family in HAVE_FEE else None,
        tick_spacing=case["onchain"].get("tickSpacing", 1),
        base_is_token0=True,
        contracts=(("deployer", "0x" + "de" * 20),),
    )


def token(chain_id: int, address: str) -> Token:
    return make_token(chain_id, address, "T", 6)


def state_of(pool: Pool, sqrt_price_x96: int) -> PoolState:
    return PoolState(
        pool=pool,
        block=make_block(pool.chain_id),
        sqrt_price_x96=sqrt_price_x96,
        tick=tick_at_sqrt_price_x96(sqrt_price_x96),
        liquidity=10**18,
        fee_pips=pool.fee_pips or 500,
        fee_growth_global0_x128=0,
        fee_growth_global1_x128=0,
    )


def our_mint(recorded: Recorded) -> tuple[str, tuple[str, ...]]:
    """Calldata of our open with the same figures, and that of the approvals before it."""
    case = recorded.case
    pool = pool_of(case, ("0x" + recorded.tokens[0][24:], "0x" + recorded.tokens[1][24:]))
    state = state_of(pool, int(case["onchain"]["sqrtPriceX96"]))
    amounts = int(recorded.amounts[0], 16), int(recorded.amounts[1], 16)
    deadline_at = datetime.fromtimestamp(int(recorded.deadline, 16), UTC)
    lower, upper = (signed(word) for word in recorded.ticks)
    adapter, interval = adapters()[pool.family], price_interval(state.sqrt_price_x96, 0.005)
    tx = adapter.plan_open(state, lower, upper, *amounts, interval, case["recipient"], deadline_at)
    assert tx.to == recorded.tx["to"]
    grants = adapter.placing_grants(pool, case["recipient"], *amounts, deadline_at)
    return tx.data, tuple(grant.give.data for grant in grants)


def same_mint(recorded: Recorded) -> bool:
    """Whether all words but the minima are the same, and the minima let the desired amounts pass."""
    data, _ = our_mint(recorded)
    mine, its = words_of(data), words_of(recorded.tx["data"])
    places = [len(its) - 4, len(its) - 3]
    minima = [(int(mine[place], 16), int(its[place - 2], 16)) for place in places]
    equal = [word for place, word in enumerate(mine) if place not in places] == [
        word for place, word in enumerate(its) if place not in places
    ]
    return data[2:10] == recorded.selector and equal and all(least <= wanted for least, wanted in minima)


def test_mints_equal_the_references_but_for_the_minima(tally: Tally) -> None:
    cases = cases_of(SAME, "mint")
    failed = [case["dex"] for case in cases if not same_mint(Recorded(case))]
    tally("calldata", len(cases), failed, "mint: Uniswap's shape and Algebra v1; minima are ours")


def test_approvals_are_of_exactly_what_the_reference_would_place_and_go_to_the_same_contract(tally: Tally) -> None:
    """Its own approvals are of twice the amount and stay."""
    cases = cases_of(SAME, "mint")
    failed = []
    for case in cases:
        recorded = Recorded(case)
        _, given = our_mint(recorded)
        spender = case["approvals"][0]["spender"][2:].lower().rjust(64, "0")
        if [words_of(data) for data in given] != [[spender, amount] for amount in recorded.amounts]:
            failed.append(case["dex"])
    tally("calldata", len(cases), failed, "approvals: exact")


def our_close(case: dict[str, Any]) -> list[bytes]:
    """The calls inside our close of the same position."""
    decrease = words_of(case["txs"][0]["data"])
    pool = pool_of(case, ("0x" + "01" * 20, "0x" + "02" * 20))
    state = state_of(pool, 2**96)
    position = Position(
        pool_id=pool.pool_id,
        token_id=int(case["positionId"]),
        tick_lower=-100,
        tick_upper=100,
        liquidity=int(case["onchain"]["liquidity"]),
        amount0=0,
        amount1=0,
        fees0=0,
        fees1=0,
    )
    deadline_at = datetime.fromtimestamp(int(decrease[4], 16), UTC)
    interval = price_interval(2**96, 0.005)
    tx = adapters()[pool.family].plan_close(state, position, interval, case["recipient"], deadline_at)
    assert tx.to == case["txs"][0]["to"]
    raw = bytes.fromhex(tx.data[2:])
    assert raw[:4] == abi.MULTICALL.selector
    return list(decode(("bytes[]",), raw[4:])[0])


def same_burn(case: dict[str, Any]) -> bool:
    """Whether our multicall begins with the reference's two transactions, minima aside, and then burns the token."""
    decrease, collect, burn = ("0x" + call.hex() for call in our_close(case))
    its_decrease, its_collect = (tx["data"] for tx in case["txs"])
    mine, its = words_of(decrease), words_of(its_decrease)
    assert [its[2], its[3]] == ["00" * 32] * 2
    return (
        decrease[:10] == its_decrease[:10]
        and [*mine[:2], mine[4]] == [*its[:2], its[4]]
        and collect == its_collect
        and burn == "0x" + abi.BURN.data(int(case["positionId"])).hex()
    )


def test_closes_are_the_references_two_calls_in_one_transaction_and_a_burn(tally: Tally) -> None:
    """The calls that change a position are the same in all families, the wrong ones of the mint included."""
    cases = cases_of(FAMILIES, "burn")
    failed = [case["dex"] for case in cases if not same_burn(case)]
    tally("calldata", len(cases), failed, "burn: one multicall instead of two transactions")


def expected_of(recorded: Recorded, family: str) -> tuple[str, list[str]]:
    """The real mint of a family from the reference's fields: selector, and the words with its own minima."""
    spacing = f"{recorded.case['onchain']['tickSpacing']:064x}"
    rest = [*recorded.ticks, *recorded.amounts, *recorded.minima, recorded.recipient, recorded.deadline]
    return {
        "slipstream": ("b5007d1f", [*recorded.tokens, spacing, *rest, "00" * 32]),
        "ramses_v3": ("6d70c415", [*recorded.tokens, spacing, *rest]),
        "algebra_integral": ("fe3f3be7", [*recorded.tokens, NO_DEPLOYER, *rest]),
    }[family]


def test_mints_that_the_reference_gets_wrong_differ_by_selector_and_key_alone(tally: Tally) -> None:
    """Aerodrome and Ramses' kind take a tick spacing for a fee, Blackhole a deployer as well as nothing.

    The reference sends Uniswap's struct (or Algebra v1's) to contracts that have no such function: each of these calls
    reverts. Slipstream's struct ends with a price for a pool that is not there yet, zero here.
    """
    cases = cases_of(OTHER, "mint")
    failed = []
    for case in cases:
        recorded, family = Recorded(case), OTHER[case["dex"]]
        data, _ = our_mint(recorded)
        selector, wanted = expected_of(recorded, family)
        mine = words_of(data)
        first = 7 if len(wanted) > 10 else 6
        same = [word for place, word in enumerate(mine) if place not in (first, first + 1)] == [
            word for place, word in enumerate(wanted) if place not in (first, first + 1)
        ]
        wrong = recorded.selector in (MINT_BY_FEE, MINT_BY_PAIR) and recorded.selector != selector
        if not (data[2:10] == selector and same and wrong):
            failed.append(case["dex"])
        if family != "algebra_integral" and case["onchain"]["fee"] != case["onchain"]["tickSpacing"]:
            assert recorded.key != [mine[2]]
    tally("calldata", len(cases), failed, "mint: wrong in the reference (selector, spacing, deployer, price)")
