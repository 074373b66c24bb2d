"""Rules of the chains as the registry has them: the published facts, and what an overlay changes."""

from dataclasses import replace
from pathlib import Path

import pytest

from alm_core.model.chains import ChainRules
from alm_resources.chains import chains_from
from alm_resources.registry import load_registry

BUILT_IN = load_registry(None)
BLOCK_S = {1: 12.0, 56: 0.45, 137: 2.0, 8453: 2.0, 42161: 0.25, 43114: 2.0, 999: 1.0}
LONGEST_FINALITY_S = {1: 19 * 60, 56: 48, 137: 256, 8453: 20 * 60, 42161: 18 * 60, 43114: 2, 999: 1}


@pytest.mark.parametrize("chain_id", sorted(BLOCK_S))
def test_a_replacement_waits_three_blocks_and_at_least_fifteen_seconds(chain_id: int) -> None:
    expected = 20.0 if chain_id == 42161 else max(3 * BLOCK_S[chain_id], 15.0)
    assert BUILT_IN.chains[chain_id].rules.bump_after_s == expected


@pytest.mark.parametrize("chain_id", sorted(BLOCK_S))
def test_the_depth_in_place_of_the_finality_tag_takes_no_less_time(chain_id: int) -> None:
    assert BUILT_IN.chains[chain_id].rules.final_depth * BLOCK_S[chain_id] >= LONGEST_FINALITY_S[chain_id]


def test_fee_floors_gas_caps_and_tips_are_those_of_the_chains() -> None:
    rules = {chain_id: chain.rules for chain_id, chain in BUILT_IN.chains.items()}
    assert {c: r.min_priority_fee_wei for c, r in rules.items() if r.min_priority_fee_wei} == {
        56: 50_000_000,
        137: 25 * 10**9,
    }
    assert {c: r.transaction_gas_cap for c, r in rules.items() if r.transaction_gas_cap} == {
        1: 2**24,
        8453: 2**24,
        999: 2_000_000,
    }
    assert sorted(c for c, r in rules.items() if not r.takes_tips) == [999, 42161]
    assert [c for c, r in rules.items() if r.has_l1_fee] == [8453]
    assert {c: r.finality for c, r in rules.items() if r.finality != "finalized"} == {999: "latest"}
    assert all(r.gas_reserve_wei for r in rules.values())


def test_private_endpoints_are_known_where_there_is_a_public_mempool_to_hide_from() -> None:
    chains = chains_from(BUILT_IN)
    assert sorted(chain_id for chain_id, chain in chains.items() if chain.sends_privately) == [1, 56]
    assert all(chain.rules == BUILT_IN.chains[chain_id].rules for chain_id, chain in chains.items())


def test_an_overlay_changes_single_rules_and_the_version_but_not_with_its_endpoints(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text("[chains.1]\nbump_after_s = 60\nprivate_rpc = []\n")
    changed = load_registry(file)
    before = BUILT_IN.chains[1].rules
    assert changed.chains[1].rules == replace(before, bump_after_s=60.0)
    assert changed.chains[1].private_rpc == ()
    assert changed.version != BUILT_IN.version
    file.write_text('[chains.1]\nprivate_rpc = ["https://mine.example/key"]\n')
    secret = load_registry(file)
    assert secret.version == BUILT_IN.version
    assert "mine.example" not in repr(secret.chains[1])


def test_a_chain_of_which_nothing_is_said_has_the_default_rules(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    zero = "0x" + "11" * 20
    words = "\n".join(f'{key} = "{zero}"' for key in ("multicall3", "wrapped_native", "lifi_diamond"))
    file.write_text(
        f'[chains.31337]\nname = "own"\nrpc = ["http://x"]\nnative_symbol = "E"\ngecko_network = "e"\n{words}\n'
        'finality = "safe"\n'
    )
    assert load_registry(file).chains[31337].rules == ChainRules(finality="safe")
