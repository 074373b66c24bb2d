"""`alm registry verify` and `discover` against real contracts on a local chain."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from alm_cli.registry import registry as registry_command
from alm_core.model.chain_ports import ChainClient
from alm_localnet import Localnet
from alm_resources.chains import chains_from
from alm_resources.registry import Registry, load_registry
from alm_resources.registry.checks import Verdict
from alm_resources.registry.discover import discover_pools, discovered_overlay
from alm_resources.registry.families import FAMILIES
from alm_resources.registry.verify import Finding, confirmed_overlay, verify_chain

CHAIN = 8453
EMPTY = "0x00000000000000000000000000000000DeaDBeef"
USDC = "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913"
WETH = "0x4200000000000000000000000000000000000006"

# Tokens, factory, key and the factory's own word; of pools that share a contract state, hash of the key and hooks.
QUESTIONS = {"fee": 6, "tick_spacing": 5, "pair": 5, "bin_step": 4, "pool_key": 3}

Write = Callable[[str], Registry]


@pytest.fixture
def text(localnet: Localnet) -> str:
    return localnet.registry_file.read_text()


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def load(content: str) -> Registry:
        path = tmp_path / "tampered.toml"
        path.write_text(content)
        return load_registry(path)

    return load


@pytest.fixture
def client(localnet: Localnet) -> Iterator[ChainClient]:
    clients = chains_from(load_registry(localnet.registry_file))
    yield clients[CHAIN]
    for found in clients.values():
        found.close()  # type: ignore[attr-defined]


def of_verdict(findings: tuple[Finding, ...], verdict: Verdict) -> list[tuple[str, str]]:
    return [(finding.entry, finding.what) for finding in findings if finding.verdict is verdict]


def section(text: str, start: str, key: str, value: object) -> str:
    """Set a key of the first table that begins with ``start`` and stands below it."""
    at = text.index(start)
    end = text.index("\n[", at + 1) if "\n[" in text[at + 1 :] else len(text)
    table = re.sub(rf"^{key} = .*$", f"{key} = {json.dumps(value)}", text[at:end], count=1, flags=re.MULTILINE)
    assert table != text[at:end]
    return text[:at] + table + text[end:]


def pool_table(text: str, fee: int) -> str:
    """Head of the WETH-USDC pool of a fee on the chain, unique in the file."""
    found = re.search(rf'\[\[pools\]\]\npair = "WETH-USDC"\nchain = {CHAIN}\n(?:(?!\[).*\n)*?fee_pips = {fee}\n', text)
    assert found
    return found.group()


def test_everything_on_every_local_dex_is_as_its_registry_says(families: Localnet) -> None:
    registry = load_registry(families.registry_file)
    for chain_id, client in chains_from(registry).items():
        findings = verify_chain(registry, chain_id, client)
        assert of_verdict(findings, Verdict.MISMATCH) == []
        assert {finding.verdict for finding in findings} <= {Verdict.OK, Verdict.NOTE}
        asked = Counter(finding.entry for finding in findings)
        for pool in registry.listed_pools(chain=chain_id):
            assert asked[f"pool {pool.pool_id}"] == QUESTIONS[FAMILIES[pool.family].pool_key], pool
        for token in registry.tokens_of(chain_id):
            assert asked[f"token {chain_id}:{token.address}"] == 2  # decimals and symbol
        assert asked[f"chain {chain_id}"] == 4
        dexes = [dex for dex, chain in registry.dexes if chain == chain_id]
        assert all(asked[f"dex {dex} {chain_id}"] >= 2 for dex in dexes)
        assert set(dexes) == {pool.dex for pool in registry.listed_pools(chain=chain_id)}
        client.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("start", "key", "value", "named"),
    [
        (f'[[tokens]]\nchain = {CHAIN}\naddress = "{USDC}"', "decimals", 18, (f"token {CHAIN}:{USDC}", "decimals")),
        (f"[dexes.contracts.{CHAIN}]", "factory", EMPTY, (f"dex uni-v3 {CHAIN}", "factory")),
        (f"[dexes.contracts.{CHAIN}]", "position_manager", EMPTY, (f"dex uni-v3 {CHAIN}", "factory of position")),
        (f"[dexes.contracts.{CHAIN}]", "position_manager", WETH, (f"dex uni-v3 {CHAIN}", "factory of position")),
        (f"[dexes.contracts.{CHAIN}]", "quoter", USDC, (f"dex uni-v3 {CHAIN}", "")),
        (f"[chains.{CHAIN}]", "permit2", EMPTY, (f"chain {CHAIN}", "Permit2")),
        (f"[chains.{CHAIN}]", "lifi_diamond", EMPTY, (f"chain {CHAIN}", "Li.Fi diamond")),
        (f"[chains.{CHAIN}]", "wrapped_native", USDC, (f"chain {CHAIN}", "decimals of wrapped")),
        (f"[chains.{CHAIN}]", "wrapped_native", EMPTY, (f"chain {CHAIN}", "decimals of wrapped")),
    ],
)
def test_a_wrong_entry_is_refused_by_name_and_place(
    text: str, write: Write, client: ChainClient, start: str, key: str, value: object, named: tuple[str, str]
) -> None:
    findings = verify_chain(write(section(text, start, key, value)), CHAIN, client)
    wrong = [finding for finding in findings if finding.verdict in (Verdict.MISMATCH, Verdict.NOTE)]
    assert any(finding.entry == named[0] and named[1] in finding.what for finding in wrong)
    if key != "quoter":
        worst = next(finding for finding in wrong if finding.verdict is Verdict.MISMATCH)
        assert "tampered.toml" in worst.remedy
        assert worst.remedy.startswith("correct ")


@pytest.mark.parametrize(("key", "value", "what"), [("fee_pips", 3001, "fee"), ("tick_spacing", 11, "tick spacing")])
def test_a_wrong_key_of_a_pool_is_refused(
    text: str, write: Write, client: ChainClient, key: str, value: int, what: str
) -> None:
    registry = write(section(text, pool_table(text, 500), key, value))
    findings = verify_chain(registry, CHAIN, client)
    pool = next(p for p in registry.listed_pools("WETH-USDC", CHAIN) if value in (p.fee_pips, p.tick_spacing))
    assert (f"pool {pool.pool_id}", what) in of_verdict(findings, Verdict.MISMATCH)
    if key == "fee_pips":
        assert (f"pool {pool.pool_id}", "pool of the factory") in of_verdict(findings, Verdict.MISMATCH)


def test_a_pool_of_other_tokens_and_an_address_without_code_are_refused(
    text: str, write: Write, client: ChainClient
) -> None:
    registry = write(text)
    stable = next(p for p in registry.listed_pools("USDC-USDT", CHAIN) if p.fee_pips == 500)
    eth = next(p for p in registry.listed_pools("WETH-USDC", CHAIN) if p.fee_pips == 500)
    swapped = text.replace(stable.address, "?").replace(eth.address, stable.address).replace("?", eth.address)
    wrong = of_verdict(verify_chain(write(swapped), CHAIN, client), Verdict.MISMATCH)
    assert (f"pool {stable.pool_id}", "token0") in wrong
    assert (f"pool {eth.pool_id}", "pool of the factory") in wrong
    findings = verify_chain(write(text.replace(eth.address, EMPTY)), CHAIN, client)
    empty = [finding for finding in findings if finding.entry == f"pool {CHAIN}:{EMPTY}"]
    assert {finding.verdict for finding in empty} == {Verdict.MISMATCH}
    assert {finding.found for finding in empty} == {"no code", eth.address.lower()}


def test_a_wrong_chain_a_missing_multicall_and_an_unreachable_chain_are_told_apart(
    localnet: Localnet, text: str, write: Write
) -> None:
    urls = {chain.preset.chain_id: chain.rpc.url for chain in localnet.chains}
    other = next(url for chain_id, url in urls.items() if chain_id != CHAIN)
    cases = (
        ("rpc", [other], Verdict.MISMATCH, "chain id"),
        ("multicall3", EMPTY, Verdict.MISMATCH, "Multicall3"),
        ("rpc", ["http://127.0.0.1:9"], Verdict.UNREACHABLE, "rpc"),
    )
    for key, value, verdict, what in cases:
        registry = write(section(text, f"[chains.{CHAIN}]", key, value))
        (finding,) = verify_chain(registry, CHAIN, chains_from(registry)[CHAIN])
        assert (finding.entry, finding.verdict, finding.what) == (f"chain {CHAIN}", verdict, what)
        assert "tampered.toml" in finding.remedy
        assert ("nothing is known" in finding.remedy) is (verdict is Verdict.UNREACHABLE)


def unverified(text: str, fee: int) -> str:
    head = pool_table(text, fee)
    stripped = re.sub(r"^(fee_pips|tick_spacing) = .*\n", "", head, flags=re.MULTILINE)
    start = text.index(head)
    rest = re.sub(r"^tick_spacing = .*\n", "", text[start + len(head) :], count=1, flags=re.MULTILINE)
    return text[:start] + stripped + 'status = "unverified"\nreason = "nobody asked"\n' + rest


def test_what_the_chain_confirms_becomes_operable_with_the_figures_only_it_knew(
    text: str, write: Write, client: ChainClient, tmp_path: Path
) -> None:
    registry = write(unverified(text, 500))
    (waiting,) = [pool for pool in registry.listed if pool.status == "unverified"]
    assert (waiting.fee_pips, waiting.tick_spacing) == (None, None)
    assert waiting.pool_id not in {pool.pool_id for pool in registry.pools_of("WETH-USDC")}
    overlay = confirmed_overlay(registry, verify_chain(registry, CHAIN, client))
    assert overlay.count("[[pools]]") == 1
    tables = (tmp_path / "tampered.toml").read_text().replace(_table_of(tmp_path, waiting.address), "")
    confirmed = write(tables + "\n" + overlay)
    found = next(pool for pool in confirmed.pools_of("WETH-USDC") if pool.pool_id == waiting.pool_id)
    assert (found.fee_pips, found.tick_spacing) == (500, 10)


def _table_of(folder: Path, address: str) -> str:
    text = (folder / "tampered.toml").read_text()
    found = re.search(rf'\[\[pools\]\]\n(?:(?!\[).*\n)*?address = "{address}"\n(?:(?!\[).*\n)*', text)
    assert found
    return found.group()


def test_an_unverified_pool_with_a_mismatch_stays_as_it_is(text: str, write: Write, client: ChainClient) -> None:
    registry = write(unverified(text, 500))
    (waiting,) = [pool for pool in registry.listed if pool.status == "unverified"]
    other = next(p for p in registry.listed_pools("USDC-USDT", CHAIN) if p.fee_pips == 500)
    content = unverified(text, 500).replace(other.address, "?").replace(waiting.address, other.address)
    wrong = write(content.replace("?", waiting.address))
    assert confirmed_overlay(wrong, verify_chain(wrong, CHAIN, client)) == ""
    decimals = section(unverified(text, 500), f'[[tokens]]\nchain = {CHAIN}\naddress = "{USDC}"', "decimals", 18)
    bad_token = write(decimals)
    assert confirmed_overlay(bad_token, verify_chain(bad_token, CHAIN, client)) == ""


def test_discovery_finds_exactly_the_pools_that_were_deployed_and_its_overlay_loads_and_verifies(
    text: str, write: Write, client: ChainClient
) -> None:
    full = write(text)
    bare_text = re.sub(r"\[\[pools\]\]\n(?:(?!\[).*\n)*", "", text)
    bare = write(bare_text)
    assert bare.listed == ()
    overlays = ""
    for pair in full.pairs:
        found = discover_pools(bare, pair.pair_id, client).pools
        listed = full.listed_pools(pair.pair_id, CHAIN)
        # Contracts that hold all pools do not enumerate them.
        expected = {pool.pool_id for pool in listed if FAMILIES[pool.family].id_bytes == 20}
        assert {f"{pool.chain_id}:{pool.address}" for pool in found} == expected
        assert all(pool.liquidity > 0 and not pool.listed for pool in found)
        overlays += discovered_overlay(found)
        assert discovered_overlay(discover_pools(full, pair.pair_id, client).pools) == ""
    again = write(bare_text + "\n" + overlays)
    assert {p.pool_id: p for p in again.pools_of("WETH-USDC")} == {
        p.pool_id: p for p in full.pools_of("WETH-USDC") if p.chain_id == CHAIN and FAMILIES[p.family].id_bytes == 20
    }
    assert of_verdict(verify_chain(again, CHAIN, client), Verdict.MISMATCH) == []


def test_discovery_says_what_it_cannot_ask(text: str, write: Write, client: ChainClient) -> None:
    v4 = {"pool_manager": EMPTY, "position_manager": EMPTY, "state_view": EMPTY}
    table = "\n".join(f"{role} = {json.dumps(address)}" for role, address in v4.items())
    registry = write(
        text + f'\n[[dexes]]\nid = "other-v4"\nfamily = "uniswap_v4"\n[dexes.contracts.{CHAIN}]\n{table}\n'
    )
    discovery = discover_pools(registry, "WETH-USDC", client, ["other-v4"])
    assert discovery.pools == ()
    assert "cannot be enumerated" in discovery.notes[0]


def test_the_commands_verify_and_discover_on_the_localnet(
    localnet: Localnet, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALM_REGISTRY", str(localnet.registry_file))
    runner = CliRunner()
    verified = runner.invoke(registry_command, ["verify", "--chain", str(CHAIN), "--json"], catch_exceptions=False)
    assert verified.exit_code == 0
    assert json.loads(verified.stdout)["ok"] is True
    bare = tmp_path / "bare.toml"
    bare.write_text(re.sub(r"\[\[pools\]\]\n(?:(?!\[).*\n)*", "", text))
    monkeypatch.setenv("ALM_REGISTRY", str(bare))
    target = tmp_path / "found.toml"
    arguments = ["discover", "--pair", "USDC-USDT", "--chain", str(CHAIN), "--write", str(target)]
    found = runner.invoke(registry_command, arguments, catch_exceptions=False)
    assert found.exit_code == 0
    listed = load_registry(localnet.registry_file).listed_pools("USDC-USDT", CHAIN)
    assert target.read_text().count("[[pools]]") == sum(FAMILIES[pool.family].id_bytes == 20 for pool in listed) >= 2
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(section(text, f"[chains.{CHAIN}]", "permit2", EMPTY))
    monkeypatch.setenv("ALM_REGISTRY", str(wrong))
    refused = runner.invoke(registry_command, ["verify", "--chain", str(CHAIN)], catch_exceptions=False)
    assert refused.exit_code == 1
    assert "correct permit2 in" in re.sub(r"\s+", " ", refused.stdout)
