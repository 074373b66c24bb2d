"""Every bound that docs/execution/keys.md states is the one in the code, and no coin that has its own is left out."""

import re
from dataclasses import replace
from fractions import Fraction
from operator import attrgetter
from pathlib import Path

import pytest

from alm_resources.registry import load_registry
from alm_resources.signer import policy, safe, server, state, terms, wire
from alm_resources.signer.policy import terms_from
from alm_resources.signer.terms import ChainCaps

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "execution" / "keys.md").read_text()
GWEI, COIN = 10**9, 10**18
PAIR, CHAIN = "WETH-USDC", 8453
CODE = {module.__name__.rpartition(".")[2]: module for module in (policy, safe, server, state, terms, wire)}


def figure(stated: str) -> Fraction:
    """A number in front of its unit."""
    return Fraction(stated.replace(",", "").partition(" ")[0])


COINS = {
    coin: (figure(price) * GWEI, figure(fee) * COIN)
    for coin, price, fee in re.findall(r"^\| ([\w ]+) \| ([\d,]+) gwei \| ([^|]+) \|$", PAGE, re.M)
}
BOUNDS = {
    name: number
    for number, name in re.findall(
        r"^\| [^|]+ \| (?:below )?([\d.,^]+)[\w ]* \| `(\w+\.[\w.]+)` \| [^|]+ \|$", PAGE, re.M
    )
}


def caps_with(coin: str) -> ChainCaps:
    """What a policy allows on a chain whose native coin is another."""
    registry = load_registry(None)
    chains = {**registry.chains, CHAIN: replace(registry.chain(CHAIN), native_symbol=coin)}
    caps = terms_from(replace(registry, chains=chains), PAIR).chains
    assert caps is not None
    return caps[CHAIN]


@pytest.mark.parametrize("coin", COINS)
def test_a_transaction_costs_no_more_of_a_coin_than_the_page_says(coin: str) -> None:
    caps = caps_with("OWN" if coin == "any other" else coin)
    assert (caps.max_fee_per_gas_wei, caps.max_fee_wei) == COINS[coin]


def test_each_native_coin_of_the_registry_has_its_row() -> None:
    assert COINS.keys() == {chain.native_symbol for chain in load_registry(None).chains.values()} | {"any other"}


@pytest.mark.parametrize("name", BOUNDS)
def test_a_bound_on_the_page_is_the_one_in_the_code(name: str) -> None:
    module, _, constant = name.partition(".")
    digits, _, power = BOUNDS[name].replace(",", "").partition("^")
    assert attrgetter(constant)(CODE[module]) == int(digits) ** int(power or 1)


def test_every_bound_on_the_page_is_read() -> None:
    assert len(BOUNDS) == len(re.findall(r"^\|.*\| `\w+\.[\w.]+` \|", PAGE, re.M)) == 11


def test_a_chains_own_cap_of_gas_is_the_policys() -> None:
    registry = load_registry(None)
    for pair in registry.pairs:
        for chain_id, caps in (terms_from(registry, pair.pair_id).chains or {}).items():
            own = registry.chain(chain_id).rules.transaction_gas_cap
            assert caps.max_gas_limit == (own or figure(BOUNDS["policy._GAS_LIMIT"]))


def test_an_approval_gives_whole_tokens_as_many_as_the_page_says() -> None:
    registry = load_registry(None)
    approvals = terms_from(registry, PAIR).approvals
    assert approvals is not None
    for pool in registry.pools_of(PAIR):
        for token in (pool.token0, pool.token1):
            most = {"stable": "policy.MOST_STABLE", "volatile": "policy.MOST_VOLATILE"}[token.asset_class]
            whole = int(BOUNDS[most].replace(",", ""))
            assert approvals[token.chain_id, token.address.lower()] == whole * 10**token.decimals
