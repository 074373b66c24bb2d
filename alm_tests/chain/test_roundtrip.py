"""``alm dex roundtrip`` on real contracts: what it says is what the chain says, and it never stays in a pool."""

import os
import re
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from alm_core.model.pools import Pool
from alm_localnet import Localnet, LocalnetConfig
from alm_localnet.contracts import Bytecode, install
from alm_localnet.node import install_node_modules
from alm_localnet.rpc import RpcClient
from alm_resources.chains.l1_fee import GAS_PRICE_ORACLE
from alm_resources.dex import adapters
from alm_resources.roundtrip import Options
from alm_tests.chain.roundtrip_scene import KEY_ENV, DyingNode, Traveller, no_pause

__all__ = ["no_pause"]

pytestmark = pytest.mark.chain
BASE = 8453
START_AT = datetime(2026, 11, 1, 6, 0, tzinfo=UTC)
ETHER, STABLE = "WETH-USDC", "USDC-USDT"


@pytest.fixture(scope="module")
def standing_base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Localnet]:
    config = LocalnetConfig(start_at=START_AT, chains=(BASE,))
    with Localnet(tmp_path_factory.mktemp("roundtrip"), config) as localnet:
        yield localnet


@pytest.fixture
def base(standing_base: Localnet, tmp_path: Path) -> Iterator[Traveller]:
    with standing_base.restored():
        yield Traveller(standing_base, tmp_path)


def ether_pool(traveller: Traveller) -> Pool:
    return traveller.pool("uni-v3", ETHER)


def assert_out(traveller: Traveller, pool: Pool) -> None:
    """Nothing of the wallet is in the pool, nobody may take anything, and no note is left."""
    assert traveller.nfts(pool) == 0
    assert traveller.allowances(pool) == 0
    assert list(traveller.home.glob("open-*")) == []


def assert_adds_up(line: dict[str, Any], before: tuple[int, int], after: tuple[int, int]) -> None:
    """Opened, fees and closed explain what the contracts say has become of the wallet, to the wei."""
    opened, closed, fees, dust = line["opened"], line["closed"], line["fees"], line["dust"]
    for side in (0, 1):
        amount = f"amount{side}"
        put_in = opened[amount] + opened["shifted"][amount]
        came_out = closed[amount] + closed[f"shifted{side}"] + (fees or {amount: 0})[amount]
        assert after[side] - before[side] == came_out - put_in == dust[f"wallet_change{side}"]


def test_a_pool_is_gone_through_and_every_wei_is_explained(base: Traveller) -> None:
    pool = ether_pool(base)
    base.fund(pool, 1, 1000)
    before, native = base.balances(pool), base.native(pool)
    (line,) = base.lines("--pool", pool.address)
    assert (line["ok"], line["error"]) == (True, None)
    assert (line["chain"], line["dex"], line["family"], line["pool"]) == (BASE, "uni-v3", "uniswap_v3", pool.address)
    assert_adds_up(line, before, base.balances(pool))
    assert line["gas"]["wei"] == native - base.native(pool) > 0
    assert line["gas"]["transactions"] == base.nonce(pool)
    opened, dust = line["opened"], line["dust"]
    assert opened["in_range"]
    assert min(opened["amount0"], opened["amount1"], opened["liquidity"]) > 0
    assert (opened["tick_lower"], opened["tick_upper"]) != (
        opened["shifted"]["tick_lower"],
        opened["shifted"]["tick_upper"],
    )
    # Nobody traded: what a mint rounds up and a burn rounds down is all that two positions cost.
    assert -4 <= dust["wallet_change0"] <= 0
    assert -4 <= dust["wallet_change1"] <= 0
    assert line["fees"] == {"amount0": 0, "amount1": 0, "read0": 0, "read1": 0, "note": "no volume in 0 s"}
    assert_out(base, pool)
    base.assert_key_is_nowhere()


def test_it_waits_for_volume_and_collects_what_it_read(base: Traveller) -> None:
    pool = ether_pool(base)
    base.fund(pool, 1, 1000)
    before = base.balances(pool)
    started = threading.Event()

    def trade(what: str) -> None:
        if what.startswith("waiting"):
            started.set()

    def play() -> None:
        assert started.wait(60)
        base.localnet.advance_to(base.localnet.now + timedelta(minutes=10))

    player = threading.Thread(target=play)
    player.start()
    line, _ = base.trip(pool, trade, options=Options(usd=500, wait_s=60, poll_s=0.2))
    player.join()
    plain = line.plain()
    assert (line.ok, line.error) == (True, None)
    assert line.fees is not None
    assert line.fees.note == ""
    assert max(line.fees.read0 or 0, line.fees.read1 or 0) > 0
    assert line.fees.amount0 >= (line.fees.read0 or 0)
    assert line.fees.amount1 >= (line.fees.read1 or 0)
    assert_adds_up(plain, before, base.balances(pool))
    assert_out(base, pool)


def test_every_family_there_is_an_adapter_for_is_proven(families: Localnet, tmp_path: Path) -> None:
    traveller = Traveller(families, tmp_path)
    traveller.fund_all()
    chosen = {pool.family: pool for pool in traveller.pools()}
    assert chosen.keys() == adapters().keys(), "a family has no pool in the world of every family"
    before = {pool.pool_id: traveller.balances(pool) for pool in chosen.values()}
    wanted = [word for pool in chosen.values() for word in ("--pool", pool.pool_id)]
    lines = {line["family"]: line for line in traveller.lines(*wanted)}
    assert {family: line["error"] for family, line in lines.items()} == dict.fromkeys(chosen)
    for family, pool in chosen.items():
        assert lines[family]["ok"]
        assert (lines[family]["fees"] is None) == (family == "liquidity_book")
        assert traveller.allowances(pool) == 0
        if sum(one.chain_id == pool.chain_id for one in chosen.values()) == 1:
            assert_adds_up(lines[family], before[pool.pool_id], traveller.balances(pool))


def test_all_pools_that_the_file_itself_lists_are_gone_through_one_after_the_other(base: Traveller) -> None:
    kept = {base.pool("uni-v3", STABLE).address, base.pool("aero-v3", ETHER).address}
    text = base.localnet.registry_file.read_text()
    entries = re.findall(r"\[\[pools\]\]\n[^\[]*", text)
    for entry in entries:
        text = text if any(address in entry for address in kept) else text.replace(entry, "")
    base.fund_all()
    lines = base.lines("--usd", "50", file=base.write(text, "two.toml"))
    assert [line["ok"] for line in lines] == [True, True]
    assert {line["pool"] for line in lines} == kept


def test_without_json_there_is_a_table(base: Traveller) -> None:
    pool = base.pool("uni-v3", STABLE)
    base.fund(pool, 100, 100)
    result = base.run("--pool", pool.address)
    assert result.exit_code == 0
    assert "uni-v3" in result.stdout
    assert "USDT" in result.stdout
    assert "yes" in result.stdout


def test_a_wallet_that_has_too_little_is_told_what_is_missing_and_nothing_is_sent(base: Traveller) -> None:
    pool = ether_pool(base)
    base.fund(pool, 0.001, 10)
    (line,) = base.lines("--pool", pool.address)
    assert not line["ok"]
    assert re.search(r"around the price 0\.01\d+ WETH is missing \(has 0\.001\d*\) and \d+\.\d+ USDC", line["error"])
    assert re.search(r"below the price \d+\.\d+ USDC is missing", line["error"])
    assert base.nonce(pool) == 0
    assert line["opened"] is line["fees"] is line["closed"] is line["dust"] is None


@pytest.mark.parametrize(("units", "side"), [((1, 0), 0), ((0, 1000), 1)])
def test_a_wallet_with_one_token_opens_beside_the_price_and_says_so(
    base: Traveller, units: tuple[float, float], side: int
) -> None:
    pool = ether_pool(base)
    base.fund(pool, *units)
    before = base.balances(pool)
    (refused,) = base.lines("--pool", pool.address, "--in-range")
    assert "is missing" in refused["error"]
    assert base.nonce(pool) == 0
    (line,) = base.lines("--pool", pool.address)
    assert (line["ok"], line["error"]) == (True, None)
    assert line["opened"]["in_range"] is False
    assert line["opened"][f"amount{1 - side}"] == 0 < line["opened"][f"amount{side}"]
    assert_adds_up(line, before, base.balances(pool))
    assert_out(base, pool)


def test_a_chain_with_another_id_is_told_and_nothing_is_sent(base: Traveller) -> None:
    text = base.localnet.registry_file.read_text()
    other = text.replace("[chains.8453]", "[chains.10]").replace("chain = 8453", "chain = 10")
    other = re.sub(r"contracts\.8453", "contracts.10", other)
    pool = ether_pool(base)
    base.fund(pool, 1, 1000)
    (line,) = base.lines("--pool", pool.address, file=base.write(other, "other.toml"))
    assert "serves chain 8453, registry says 10" in line["error"]
    assert base.nonce(pool) == 0


def test_a_contract_that_is_not_the_pool_of_the_file_is_told_and_the_others_go_on(base: Traveller) -> None:
    wrong, right = ether_pool(base), base.pool("aero-v3", ETHER)
    text = base.localnet.registry_file.read_text()
    entry = re.search(rf'\[\[pools\]\]\n[^\[]*"{wrong.address}"[^\[]*', text)
    assert entry is not None
    changed = re.sub(r"fee_pips = \d+", "fee_pips = 100", entry.group())
    assert changed != entry.group()
    file = base.write(text.replace(entry.group(), changed), "wrong.toml")
    base.fund(right, 1, 1000)
    first, second = base.lines("--pool", wrong.address, "--pool", right.address, file=file)
    assert not first["ok"]
    assert wrong.address in first["error"]
    assert (second["ok"], second["error"]) == (True, None)


def test_a_pool_that_may_not_be_traded_is_told_with_its_status(base: Traveller) -> None:
    pool = ether_pool(base)
    text = base.localnet.registry_file.read_text()
    why = 'status = "unverified"\nreason = "nobody asked"'
    file = base.write(text.replace(f'address = "{pool.address}"', f'address = "{pool.address}"\n{why}'), "status.toml")
    (line,) = base.lines("--pool", pool.address, file=file)
    assert line["error"] == "unverified: nobody asked"


def lock(traveller: Traveller, pool: Pool, *, locked: bool) -> None:
    """Set the pool's own lock (slot0.unlocked, bit 240 of slot 0): it answers reads, and every change reverts."""
    rpc = traveller.chain(pool.chain_id).rpc
    slot0 = int(rpc.call("eth_getStorageAt", pool.address, "0x0", "latest"), 16)
    bit = 1 << 240
    word = slot0 & ~bit if locked else slot0 | bit
    rpc.call("anvil_setStorageAt", pool.address, "0x" + "0" * 64, f"0x{word:064x}")
    rpc.call("anvil_mine", "0x1")


def test_a_contract_that_reverts_leaves_nothing_behind(base: Traveller) -> None:
    pool = ether_pool(base)
    base.fund(pool, 1, 1000)
    before = base.balances(pool)
    lock(base, pool, locked=True)
    (line,) = base.lines("--pool", pool.address)
    assert not line["ok"]
    assert "LOK" in line["error"]
    assert line["opened"] is None
    assert base.balances(pool) == before
    assert_out(base, pool)


def test_a_position_that_cannot_be_closed_is_told_and_closed_by_the_next_run(base: Traveller, no_pause: None) -> None:
    pool = ether_pool(base)
    base.fund(pool, 1, 1000)

    def lock_when_open(what: str) -> None:
        if what.startswith("shifting"):
            lock(base, pool, locked=True)

    line, _ = base.trip(pool, lock_when_open)
    assert not line.ok
    assert "a position may be left open" in str(line.error)
    assert base.nfts(pool) == 1
    lock(base, pool, locked=False)
    before_own = line.opened
    assert before_own is not None
    told = base.run("--pool", ether_pool(base).address, "--home", str(base.home), "--usd", "100000")
    assert (told.exit_code, base.nfts(pool)) == (1, 0), "closed although nothing can be opened"
    assert "is missing" in " ".join(told.stdout.split())
    (again,) = base.lines("--pool", pool.address)
    assert (again["ok"], again["error"]) == (True, None)
    assert again["opened"]["positions"] != list(before_own.positions)
    assert_out(base, pool)


def test_positions_that_were_there_before_are_left_alone(base: Traveller, no_pause: None) -> None:
    pool = ether_pool(base)
    base.fund(pool, 1, 1000)

    def lock_when_open(what: str) -> None:
        if what.startswith("shifting"):
            lock(base, pool, locked=True)

    base.trip(pool, lock_when_open)
    lock(base, pool, locked=False)
    for note in base.home.glob("open-*"):
        note.unlink()
    assert base.nfts(pool) == 1
    (line,) = base.lines("--pool", pool.address)
    assert (line["ok"], line["error"]) == (True, None)
    assert base.nfts(pool) == 1


@pytest.mark.parametrize(
    ("raised", "told"),
    [(KeyboardInterrupt(), "interrupted"), (ZeroDivisionError("a fault"), "ZeroDivisionError: a fault")],
)
def test_an_interrupt_or_a_fault_of_ours_closes_what_is_open(base: Traveller, raised: BaseException, told: str) -> None:
    pool = ether_pool(base)
    base.fund(pool, 1, 1000)

    def press(what: str) -> None:
        if what.startswith("waiting"):
            raise raised

    line, trip = base.trip(pool, press)
    assert trip.interrupt is (raised if isinstance(raised, KeyboardInterrupt) else None)
    assert (line.ok, line.error) == (False, told)
    assert line.opened is not None
    assert line.closed is not None
    assert_out(base, pool)


@pytest.mark.parametrize("lives_for", [3, 5])
def test_a_node_that_dies_right_after_a_send_loses_nothing(base: Traveller, no_pause: None, lives_for: int) -> None:
    """Sends in order: two approvals, mint, collect, close, two approvals, mint, close."""
    pool = ether_pool(base)
    base.fund(pool, 1, 1000)
    node = DyingNode(base.chain(BASE).rpc.url, lives_for)
    try:
        options = Options(wait_s=0.0, receipt_timeout_s=0.2)
        line, _ = base.trip(pool, rpc=[node.url], options=options)
    finally:
        node.close()
    assert not line.ok
    assert node.sent == lives_for
    assert list(base.home.glob("open-*"))
    (again,) = base.lines("--pool", pool.address)
    assert (again["ok"], again["error"]) == (True, None)
    assert_out(base, pool)
    base.assert_key_is_nowhere()


def test_the_file_of_the_how_to_page_is_proven_where_its_contracts_are(base: Traveller) -> None:
    """The local chain has them at their real addresses; the overlay lies over the built-in registry."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "how-to" / "prove-a-dex.md").read_text()
    (text,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    here = text.replace("http://127.0.0.1:8545", base.chain(BASE).rpc.url).replace("FORK_KEY", KEY_ENV)
    file = base.folder / "fork.toml"
    file.write_text(here)
    # The built-in registry knows that Base charges for data on Ethereum, and asks the contract there for how much.
    local = base.chain(BASE)
    install(
        local.rpc, local.operator, GAS_PRICE_ORACLE, Bytecode(install_node_modules()).creation("GasPriceOracleStandIn")
    )
    base.fund_all()
    lines = base.lines(file=file)
    assert [(line["dex"], line["error"]) for line in lines] == [("my-v3", None), ("uni-v3", None)]


def test_a_fork_that_stood_still_for_hours_is_no_obstacle(base: Traveller, tmp_path: Path) -> None:
    """A node that forks another and mines only when it is sent something, its clock far from ours."""
    pool = ether_pool(base)
    base.fund(pool, 1, 1000)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    own = base.chain(BASE).rpc.url
    anvil = str(install_node_modules(None).anvil())
    process = subprocess.Popen(
        [anvil, "--fork-url", own, "--port", str(port), "--silent", "--cache-path", str(tmp_path)],
        env={**os.environ, "HOME": str(tmp_path)},
    )
    try:
        url = f"http://127.0.0.1:{port}"
        rpc = RpcClient(url, "fork")
        for _ in range(200):
            try:
                rpc.call("eth_chainId")
                break
            except Exception:
                time.sleep(0.05)
        rpc.call("evm_increaseTime", 5 * 3600)
        file = base.write(base.localnet.registry_file.read_text().replace(own, url), "fork.toml")
        (line,) = base.lines("--pool", pool.address, file=file)
        assert (line["ok"], line["error"]) == (True, None)
        rpc.close()
    finally:
        process.kill()
        process.wait()
    assert base.nonce(pool) == 0, "the forked chain itself was not touched"
