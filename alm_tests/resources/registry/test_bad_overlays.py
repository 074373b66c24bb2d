"""Whatever is wrong in an overlay is refused by file, entry, key and value."""

from pathlib import Path

import pytest

from alm_core.model.errors import ConfigError
from alm_resources.registry import load_registry
from alm_tests.resources.registry.test_loading import OVERLAY, POOL, USDC, WETH

ID = "0x" + "ab" * 32
NATIVE = "0x" + "00" * 20

MORE = f"""
[[tokens]]
chain = 1
address = "0xdAC17F958D2ee523a2206206994597C13D831ec7"
symbol = "USDT"
decimals = 6
asset_class = "stable"
issuer = "tether"
[[dexes]]
id = "uni-v4"
family = "uniswap_v4"
variant_of = "uni-v3"
[dexes.contracts.1]
pool_manager = "{POOL}"
position_manager = "{POOL}"
state_view = "{POOL}"
[[dexes]]
id = "joe"
family = "liquidity_book"
[dexes.contracts.1]
factory = "{POOL}"
router = "{POOL}"
[[pools]]
pair = "WETH-USDC"
chain = 1
dex = "uni-v4"
address = "{ID}"
base = "{WETH}"
quote = "{USDC}"
status = "unverified"
reason = "nobody asked"
[[pools]]
pair = "WETH-USDC"
chain = 1
dex = "joe"
address = "0xdAC17F958D2ee523a2206206994597C13D831ec7"
base = "{WETH}"
quote = "{USDC}"
bin_step = 20
[[pairs]]
id = "USDC-USDT"
base = "USDC"
quote = "USDT"
asset_class = "stable"
[[sources]]
pair = "USDC-USDT"
exchange = "okx"
symbol = "USDC/USDT"
weight = 1.0
[[sources]]
pair = "WETH-USDC"
exchange = "okx"
symbol = "ETH/USDT"
weight = 1.0
convert_by = "USDC-USDT"
"""
FULL = OVERLAY.replace("[services]", MORE + "[services]", 1)
V4_STATUS = 'status = "unverified"\nreason = "nobody asked"'
CONVERTED = 'symbol = "ETH/USDT"\nweight = 1.0\nconvert_by = "USDC-USDT"'
DIRECT = 'pair = "USDC-USDT"\nexchange = "okx"\nsymbol = "USDC/USDT"\nweight = 1.0\n'
V3_CONTRACTS = f'factory = "{POOL}"\nposition_manager = "{POOL}"'
LATEST = 'finality = "latest"'

CASES = [
    (f'base = "{WETH}"', f'base = "{WETH.lower()}"', ("pools", "base", WETH.lower(), "checksum")),
    (f'base = "{WETH}"', f'base = "{POOL}"', ("pools", "base", POOL, "no such token")),
    (f'base = "{WETH}"', f'base = "{USDC}"', ("pools", "base", USDC, "is USDC")),
    (f'base = "{WETH}"', 'base = "weth"', ("pools", "base", "'weth'", "20 bytes")),
    (f'address = "{POOL}"', f'address = "{POOL[:-2]}"', ("pools", "address", POOL[:-2], "32 bytes")),
    (f'address = "{POOL}"', f'address = "{ID[:-1]}0"', ("pools", "address", ID[:-1], "20 bytes")),
    (f'address = "{ID}"', f'address = "{ID.upper()}"', ("pools", "address", "32 bytes in lower case")),
    (f'base = "{WETH}"', f'base = "{NATIVE}"', ("pools", "base", NATIVE, "native currency is not supported")),
    (f'address = "{WETH}"', f'address = "{NATIVE}"', ("tokens", "address", NATIVE, "native currency is not supported")),
    (f'address = "{ID}"', f'address = "{USDC}"', ("pools", "address", USDC, "uniswap_v4", "32 bytes")),
    ('dex = "uni-v3"', 'dex = "sushi"', ("pools", "dex", "sushi", "no such dex")),
    ("fee_pips = 500", "fee_pips = 1000000", ("pools", "fee_pips", "1000000")),
    ("fee_pips = 500", "fee_pips = -1", ("pools", "fee_pips", "-1")),
    ("fee_pips = 500", 'fee_pips = "500"', ("pools", "fee_pips", "'500'")),
    ("fee_pips = 500", "fee_pips = 500.0", ("pools", "fee_pips", "500.0")),
    ("fee_pips = 500\n", "", ("pools", "fee_pips", "missing", "uniswap_v3")),
    ("tick_spacing = 10", "tick_spacing = 0", ("pools", "tick_spacing", "0")),
    ("tick_spacing = 10", "tick_spacing = 10\nfoo = 1", ("pools", "foo", "Extra inputs")),
    ("tick_spacing = 10", "tick_spacing = 10\nbin_step = 5", ("pools", "bin_step = 5", "uniswap_v3", "no bin_step")),
    ("tick_spacing = 10", f'tick_spacing = 10\nhooks = "{POOL}"', ("pools", "hooks", POOL, "no hooks")),
    ("tick_spacing = 10", f'tick_spacing = 10\nparameters = "{ID}"', ("pools", "parameters", "no parameters")),
    ("tick_spacing = 10", 'tick_spacing = 10\nstatus = "good"', ("pools", "status", "'good'", "operable")),
    ("tick_spacing = 10", 'tick_spacing = 10\nevidence = "rumour"', ("pools", "evidence", "'rumour'")),
    ("tick_spacing = 10", 'tick_spacing = 10\nevidence = "keccak"', ("pools", "address", POOL, "keccak", "no address")),
    ("tick_spacing = 10", 'tick_spacing = 10\nstatus = "inoperable"', ("pools", "reason is required", "inoperable")),
    (V4_STATUS, 'status = "unverified"', ("pools", "reason is required", "unverified")),
    (V4_STATUS, 'status = "unverified"\nreason = " "', ("pools", "reason is required")),
    (V4_STATUS, V4_STATUS + '\nevidence = "keccak"', ("pools", "address", ID, "keccak")),
    (V4_STATUS, V4_STATUS + "\nbin_step = 1", ("pools", "bin_step", "uniswap_v4")),
    (V4_STATUS, V4_STATUS + '\nparameters = "0x12"', ("pools", "parameters", "'0x12'")),
    (V4_STATUS, V4_STATUS + '\nhooks = "0x12"', ("pools", "hooks", "'0x12'")),
    ("bin_step = 20", "bin_step = 0", ("pools", "bin_step", "0")),
    ("bin_step = 20", "bin_step = 20\nfee_pips = 100", ("pools", "fee_pips = 100", "liquidity_book")),
    ("decimals = 6", "decimals = 99", ("tokens", "decimals", "99")),
    ("decimals = 6", "decimals = true", ("tokens", "decimals", "True")),
    ("decimals = 6\n", "", ("tokens", "decimals", "Field required")),
    ("decimals = 6", 'decimals = 6\nevidence = "hope"', ("tokens", "evidence", "'hope'")),
    ('symbol = "USDC"', 'symbol = ""', ("tokens", "symbol", "''")),
    ("[chains.1]", "[chains.one]", ("chains.one", "'one'", "whole number")),
    ("[chains.1]", "[chains.2]", ("tokens", "chain = 1", "no such chain")),
    ('finality = "latest"', 'finality = "soon"', ("chains.1", "finality", "'soon'")),
    ('rpc = ["http://127.0.0.1:8545"]', 'rpc = ["ws://x"]', ("chains.1", "rpc.0", "http://")),
    ('rpc = ["http://127.0.0.1:8545"]', "rpc = []", ("chains.1", "rpc", "[]")),
    ('rpc = ["http://127.0.0.1:8545"]', 'rpc = ["http://a", "http://a/"]', ("chains.1", "rpc", "named twice")),
    (LATEST, f'{LATEST}\nprivate_rpc = ["http://a", "http://a"]', ("chains.1", "private_rpc", "named twice")),
    (LATEST, f'{LATEST}\nprivate_rpc = ["a"]', ("chains.1", "private_rpc.0", "http://")),
    (LATEST, f"{LATEST}\nfinal_depth = -1", ("chains.1", "final_depth", "-1")),
    (LATEST, f"{LATEST}\nbump_after_s = 0", ("chains.1", "bump_after_s", "0")),
    (LATEST, f"{LATEST}\nmin_priority_fee_wei = -1", ("chains.1", "min_priority_fee_wei", "-1")),
    (LATEST, f"{LATEST}\ntakes_tips = 0", ("chains.1", "takes_tips", "0")),
    (LATEST, f"{LATEST}\ntransaction_gas_cap = 21000", ("chains.1", "transaction_gas_cap", "21000")),
    (LATEST, f'{LATEST}\nhas_l1_fee = "yes"', ("chains.1", "has_l1_fee", "'yes'")),
    (LATEST, f"{LATEST}\nprivate_for_s = -5", ("chains.1", "private_for_s", "-5")),
    (LATEST, f"{LATEST}\ngas_reserve_wei = 0.05", ("chains.1", "gas_reserve_wei", "0.05")),
    (LATEST, f"{LATEST}\ngas_reserve = 1", ("chains.1", "gas_reserve", "Extra inputs")),
    ('family = "uniswap_v3"', 'family = "uniswap_v9"', ("dexes", "family", "uniswap_v9", "no such family")),
    ('family = "uniswap_v3"', 'family = "pancake_v3"', ("dexes", "contracts.1.deployer", "missing", "pancake_v3")),
    ('family = "uniswap_v3"', 'family = "unknown"', ("pools", "status", "unknown", "nothing can operate it")),
    (V3_CONTRACTS, f'factory = "{POOL}"', ("dexes", "contracts.1.position_manager", "missing", "uniswap_v3")),
    (V3_CONTRACTS, V3_CONTRACTS + f'\nvault = "{POOL}"', ("dexes", "contracts.1.vault", POOL, "has no vault")),
    (V3_CONTRACTS, V3_CONTRACTS + '\nrouter = "0x1"', ("dexes", "contracts.1.router", "'0x1'")),
    (V3_CONTRACTS, V3_CONTRACTS + '\ninit_code_hash = "0x12"', ("dexes", "init_code_hash", "'0x12'")),
    (f'state_view = "{POOL}"\n', "", ("dexes", "contracts.1.state_view", "missing", "uniswap_v4")),
    ("[dexes.contracts.1]", "[dexes.contracts.5]", ("dexes", "contracts", "5", "no such chain")),
    ("[dexes.contracts.1]", "[dexes.contracts.x]", ("dexes", "'x'", "whole number")),
    ('variant_of = "uni-v3"', 'variant_of = "uni-v2"', ("dexes", "variant_of", "uni-v2", "no such dex")),
    ("weight = 0.6", "weight = 0.0", ("sources", "weight", "0.0")),
    ("weight = 0.6", "weight = inf", ("sources", "weight", "inf")),
    ('symbol = "ETH/USDC"', 'symbol = "ETHUSDC"', ("sources", "symbol", "ETHUSDC")),
    ('symbol = "ETH/USDC"', 'symbol = "ETH/USDT"', ("sources", "symbol", "ETH/USDT", "convert_by")),
    (CONVERTED, CONVERTED.replace("USDC-USDT", "USDC-DAI"), ("sources", "convert_by", "USDC-DAI", "no such pair")),
    (CONVERTED, CONVERTED.replace("ETH/USDT", "ETH/DAI"), ("sources", "convert_by", "USDC-USDT", "DAI into USDC")),
    (CONVERTED, CONVERTED.replace("USDC-USDT", "WETH-USDC"), ("sources", "convert_by", "WETH-USDC", "does not turn")),
    (CONVERTED, CONVERTED.replace("USDC-USDT", ""), ("sources", "convert_by", "''")),
    (f"[[sources]]\n{DIRECT}", "", ("sources", "convert_by", "USDC-USDT", "has no source")),
    ('mode = "replace"', 'mode = "append"', ("meta", "mode", "'append'")),
    ("[services]", "[servants]", ("servants", "unknown section")),
    ('lifi_url = "http://127.0.0.1:1/v1"', 'lifi_url = "ftp://x"', ("services", "lifi_url", "ftp://x")),
    ("[services]", '[services]\ndexscreener_url = "x"', ("services", "dexscreener_url", "'x'", "http://")),
    ('pair = "WETH-USDC"\nexchange', 'pair = "X-Y"\nexchange', ("sources", "pair", "X-Y")),
    ('id = "WETH-USDC"\n', "", ("pairs", "id is missing")),
    ('quote = "USDC"', 'quote = "WETH"', ("pairs", "quote", "the same token")),
    ("[meta]", "[meta", ("not TOML",)),
]


def test_the_overlay_that_the_cases_break_is_good(tmp_path: Path) -> None:
    path = tmp_path / "overlay.toml"
    path.write_text(FULL)
    registry = load_registry(path)
    assert len(registry.listed) == 3
    assert POOL in [pool.address for pool in registry.pools_of("WETH-USDC")]
    assert registry.sources_of("WETH-USDC")[1].convert_by == "USDC-USDT"
    assert registry.services.dexscreener_url == "https://api.dexscreener.com"


@pytest.mark.parametrize(("before", "after", "named"), CASES)
def test_a_bad_entry_is_refused_by_file_key_and_value(
    tmp_path: Path, before: str, after: str, named: tuple[str, ...]
) -> None:
    assert before in FULL
    path = tmp_path / "overlay.toml"
    path.write_text(FULL.replace(before, after, 1))
    with pytest.raises(ConfigError) as caught:
        load_registry(path)
    for part in ("overlay.toml", *named):
        assert part in str(caught.value)


def test_a_merge_that_breaks_a_proven_pool_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "overlay.toml"
    path.write_text(f'[[pools]]\nchain = 1\naddress = "{POOL}"\nfee_pips = 3000\n')
    with pytest.raises(ConfigError, match=r"overlay\.toml.*keccak.*0x8ad599c3A0ff1De082011EFDDc58f1908eb6e6D8"):
        load_registry(path)


def test_families_that_nobody_knows_are_refused() -> None:
    with pytest.raises(ConfigError, match="curve_v2"):
        load_registry(None, ["uniswap_v3", "curve_v2"])
