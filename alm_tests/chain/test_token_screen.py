"""Hostile tokens are refused with their reason before money meets them; plain ones and Tether's are not."""

from collections.abc import Iterator
from dataclasses import replace
from enum import IntEnum, auto

import pytest

from alm_core.model.chain_ports import Call, CallResult
from alm_core.model.errors import SourceRejected
from alm_core.model.market import Block
from alm_core.model.pools import Pool, Token
from alm_localnet.anvil import AnvilNode
from alm_localnet.config import MULTICALL3
from alm_localnet.contracts import Bytecode, calldata, install
from alm_localnet.node import install_node_modules
from alm_resources.chains import Web3Chain
from alm_resources.tokens import TokenUse, refusals, uses_in
from alm_resources.tokens.probe_code import PROBE_RUNTIME
from alm_tests.chain.dex_chain import GENESIS_S, WRAPPED, Access

pytestmark = pytest.mark.chain

CHAIN_ID = 31337
POOL = "0x1100000000000000000000000000000000000011"
MANAGER = "0x2200000000000000000000000000000000000022"
PLAIN = "0x3300000000000000000000000000000000000033"
TETHER = "0x4400000000000000000000000000000000000044"
HELD = 1_000_000 * 10**18 + 7


class Habit(IntEnum):
    """As in HostileToken.sol."""

    NONE = 0
    FEE_ON_TRANSFER = auto()
    SHARES_REBASE = auto()
    SILENT_REBASE = auto()
    FALSE_WITHOUT_MOVING = auto()
    FALSE_BUT_MOVES = auto()
    TRUE_WITHOUT_MOVING = auto()
    BLACKLIST = auto()
    SILENT_BLACKLIST = auto()
    PAUSED = auto()
    SILENT_PAUSE = auto()
    CALLS_RECEIVER = auto()
    OTHER_DECIMALS = auto()
    INFLATED_BALANCE = auto()
    CONSTANT_BALANCE = auto()
    NO_ALLOWANCE_NEEDED = auto()
    APPROVES_MORE = auto()
    NO_WAY_BACK = auto()
    MOST_PER_TRANSFER = auto()
    ODD_ANSWER = auto()
    BURNS_GAS = auto()


REASONS = {
    Habit.FEE_ON_TRANSFER: f"of {HELD} sent, {HELD} left the sender and {HELD - HELD // 100} arrived",
    Habit.SHARES_REBASE: "answers sharesOf(address): its balances change without transfers (rebasing)",
    Habit.FALSE_WITHOUT_MOVING: "transfer of all that the holder has answers neither true nor nothing",
    Habit.FALSE_BUT_MOVES: "answers neither true nor nothing although it moves the amount",
    Habit.TRUE_WITHOUT_MOVING: f"of {HELD} sent, 0 left the sender and 0 arrived",
    Habit.BLACKLIST: "isBlacklisted(",
    Habit.SILENT_BLACKLIST: "transfer of all that the holder has reverts",
    Habit.PAUSED: "paused() says that it is paused",
    Habit.SILENT_PAUSE: "transfer of all that the holder has reverts",
    Habit.CALLS_RECEIVER: "it calls who sends, spends or receives it",
    Habit.OTHER_DECIMALS: "decimals() says 6, the registry says 18",
    Habit.INFLATED_BALANCE: "transfer of all that the holder has reverts",
    Habit.CONSTANT_BALANCE: "0 left the sender and 0 arrived",
    Habit.NO_ALLOWANCE_NEEDED: "transferFrom moves what nobody approved",
    Habit.APPROVES_MORE: f"gives an allowance of {2**256 - 1}",
    Habit.NO_WAY_BACK: "transferFrom through the spender reverts",
    Habit.MOST_PER_TRANSFER: "transfer of all that the holder has reverts",
    Habit.ODD_ANSWER: "answers neither true nor nothing although it moves the amount",
    Habit.BURNS_GAS: "could not be tried out: the node ran no call",
}


class Scene:
    """One node with a token of every habit, a holder that has a lot of each, and our wallet."""

    def __init__(self, node: AnvilNode, code: Bytecode) -> None:
        self.node, self.rpc, self.code = node, node.rpc, code
        self.deployer, self.wallet, _ = self.rpc.call("eth_accounts")
        self.rpc.call("anvil_setCode", MULTICALL3, code.runtime("Multicall3"))
        self.chain = Web3Chain(Access(chain_id=CHAIN_ID, rpc=(node.url,)))
        for address, tether_like in ((PLAIN, False), (TETHER, True)):
            names = ("USD", "USD", 18, tether_like)
            install(self.rpc, self.deployer, address, code.creation("Token"), "(string,string,uint8,bool)", *names)
            self.fill(address)
        for habit in Habit:
            install(self.rpc, self.deployer, address_of(habit), code.creation("HostileToken"), "(uint8)", int(habit))
            self.fill(address_of(habit))

    def fill(self, token: str) -> None:
        for owner, amount in ((POOL, HELD), (self.wallet, 5)):
            self.rpc.transact(self.deployer, token, calldata("mint(address,uint256)", owner, amount))

    def wake(self, habit: Habit) -> None:
        self.rpc.transact(self.deployer, address_of(habit), calldata("wake(address)", self.wallet))

    def use(self, address: str) -> TokenUse:
        token = Token(
            chain_id=CHAIN_ID, address=address, symbol="USD", decimals=18, asset_class="stable", issuer="test"
        )
        return TokenUse(token=token, holder=POOL, wallet=self.wallet, spender=MANAGER)

    def refusals(self, use: TokenUse) -> tuple[str, ...]:
        return refusals(self.chain, use, self.chain.read_block())


def address_of(habit: Habit) -> str:
    return f"0x{0x5500 + habit:040x}"


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    modules = install_node_modules()
    node = AnvilNode(modules.anvil(), CHAIN_ID, GENESIS_S, 10**9, tmp_path_factory.mktemp("tokens"))
    node.wait_until_ready()
    standing = Scene(node, Bytecode(modules))
    yield standing
    standing.chain.close()
    standing.rpc.close()
    node.stop()


@pytest.mark.parametrize("address", [PLAIN, TETHER])
def test_a_token_that_keeps_its_word_is_accepted(scene: Scene, address: str) -> None:
    assert scene.refusals(scene.use(address)) == ()


@pytest.mark.parametrize("address", [PLAIN, TETHER])
def test_an_approval_that_stands_is_not_held_against_the_token(scene: Scene, address: str) -> None:
    scene.rpc.transact(scene.wallet, address, calldata("approve(address,uint256)", MANAGER, 2**256 - 1))
    assert scene.refusals(scene.use(address)) == ()


def test_wrapped_native_is_accepted_although_its_fallback_answers_everything(scene: Scene) -> None:
    install(scene.rpc, scene.deployer, WRAPPED, scene.code.creation("WETH9"))
    scene.rpc.transact(scene.deployer, WRAPPED, b"", value=10**18)
    scene.rpc.transact(scene.deployer, WRAPPED, calldata("transfer(address,uint256)", POOL, 10**18))
    assert scene.refusals(scene.use(WRAPPED)) == ()


@pytest.mark.parametrize("habit", REASONS, ids=lambda habit: habit.name.lower())
def test_a_hostile_token_is_refused_with_its_reason_once_it_is_hostile(scene: Scene, habit: Habit) -> None:
    assert scene.refusals(scene.use(address_of(habit))) == ()
    scene.wake(habit)
    found = scene.refusals(scene.use(address_of(habit)))
    assert any(REASONS[habit] in reason for reason in found), found
    assert all(address_of(habit) in reason for reason in found)


def test_a_token_that_blocks_the_wallet_is_refused_for_the_wallet_only(scene: Scene) -> None:
    scene.wake(Habit.SILENT_BLACKLIST)
    use = scene.use(address_of(Habit.SILENT_BLACKLIST))
    assert scene.refusals(use)
    assert scene.refusals(replace(use, wallet=scene.deployer)) == ()


def test_the_look_moves_nothing(scene: Scene) -> None:
    def balances() -> list[int]:
        owners = (POOL, MANAGER, scene.wallet)
        calls = [Call(target=PLAIN, data=calldata("balanceOf(address)", owner)) for owner in owners]
        return [int.from_bytes(result.data) for result in scene.chain.read_calls(calls, scene.chain.read_block())]

    before = balances()
    scene.refusals(scene.use(PLAIN))
    assert balances() == before == [HELD, 0, 5]
    assert scene.rpc.call("eth_getCode", POOL, "latest") == "0x"


def test_a_rebase_between_two_looks_leaves_no_transfer(scene: Scene) -> None:
    """The one habit that no single look finds: what it does to the books is what reconciliation halts on."""
    use = scene.use(address_of(Habit.SILENT_REBASE))
    scene.wake(Habit.SILENT_REBASE)
    assert scene.refusals(use) == ()
    first = scene.chain.read_block().number + 1
    scene.rpc.transact(scene.deployer, use.token.address, calldata("rebase(uint256)", 90))
    last = scene.chain.read_block()
    assert scene.chain.read_transfers([use.token.address], scene.wallet, first, last.number) == ()
    (balance,) = scene.chain.read_calls(
        [Call(target=use.token.address, data=calldata("balanceOf(address)", scene.wallet))], last
    )
    assert int.from_bytes(balance.data) == 4


@pytest.mark.parametrize("address", ["0x" + "00" * 20, "0x" + "EE" * 20])
def test_native_currency_is_refused_without_a_request(scene: Scene, address: str) -> None:
    (reason,) = refusals(Silent(), scene.use(address), scene.chain.read_block())
    assert "native currency is not supported: use its wrapped token" in reason


def test_an_address_without_code_is_refused(scene: Scene) -> None:
    found = scene.refusals(scene.use("0x" + "77" * 20))
    assert "decimals() does not answer: no ERC-20 token at this address" in found[0]


def test_an_empty_pool_is_tried_with_what_the_wallet_has(scene: Scene) -> None:
    empty = "0x" + "78" * 20
    assert scene.refusals(replace(scene.use(PLAIN), holder=empty)) == ()
    scene.wake(Habit.NO_WAY_BACK)
    use = replace(scene.use(address_of(Habit.NO_WAY_BACK)), holder=empty)
    assert any("transfer of all that the holder has reverts" in reason for reason in scene.refusals(use))


def test_where_nobody_has_a_balance_nothing_is_proven(scene: Scene) -> None:
    (reason,) = scene.refusals(replace(scene.use(PLAIN), holder="0x" + "78" * 20, wallet="0x" + "79" * 20))
    assert "could not be tried out: neither the pool nor the wallet has a balance" in reason


@pytest.mark.parametrize("ignores", [False, True], ids=["refuses the parameter", "does not look at it"])
def test_a_node_without_overrides_refuses_new_tokens_but_not_checked_ones(scene: Scene, ignores: bool) -> None:
    chain = WithoutOverrides(scene.chain, ignores=ignores)
    block = scene.chain.read_block()
    (reason,) = refusals(chain, scene.use(PLAIN), block)
    assert "could not be tried out" in reason
    assert refusals(chain, replace(scene.use(PLAIN), checked=True), block) == ()


def test_what_was_seen_is_refused_of_a_checked_token_too(scene: Scene) -> None:
    scene.wake(Habit.FEE_ON_TRANSFER)
    assert scene.refusals(replace(scene.use(address_of(Habit.FEE_ON_TRANSFER)), checked=True))


def test_the_probe_that_ships_is_what_its_source_builds(scene: Scene) -> None:
    creation = "0x" + scene.code.creation("TokenProbe").hex()
    assert scene.rpc.call("eth_call", {"data": creation}, "latest") == "0x" + PROBE_RUNTIME.hex()


def test_the_holder_of_a_pools_tokens_is_the_pool_its_vault_or_the_manager_of_all_pools(scene: Scene) -> None:
    token = scene.use(PLAIN).token
    pool = Pool(
        chain_id=CHAIN_ID,
        address=POOL,
        dex="test",
        family="test",
        factory="0xfactory",
        position_manager=MANAGER,
        token0=token,
        token1=replace(token, address=TETHER),
        fee_pips=500,
        tick_spacing=10,
        base_is_token0=True,
    )
    of_id = replace(pool, address="0x" + "ab" * 32, contracts=(("permit2", "0xpermit2"),))
    of_vault = replace(of_id, contracts=(("permit2", "0xpermit2"), ("vault", "0xvault")))
    found = [uses_in(entry, scene.wallet, checked=[TETHER.upper()]) for entry in (pool, of_id, of_vault)]
    assert [uses[0].holder for uses in found] == [POOL, "0xfactory", "0xvault"]
    assert [uses[1].spender for uses in found] == [MANAGER, "0xpermit2", "0xpermit2"]
    assert [use.checked for use in found[0]] == [False, True]


class Silent:
    """A chain that must not be asked."""

    chain_id = CHAIN_ID

    def read_calls(self, calls: object, block: Block) -> tuple[CallResult, ...]:
        raise AssertionError(calls)

    def read_with_code(self, call: Call, code: object, block: Block) -> CallResult:
        raise AssertionError(call)


class WithoutOverrides:
    """The node as one that does not know state overrides."""

    chain_id = CHAIN_ID

    def __init__(self, chain: Web3Chain, *, ignores: bool) -> None:
        self.read_calls = chain.read_calls
        self._chain, self._ignores = chain, ignores

    def read_with_code(self, call: Call, code: object, block: Block) -> CallResult:
        if self._ignores:
            return self._chain.read_with_code(call, {}, block)
        raise SourceRejected("rpc", "too many arguments, want at most 2 (code -32602)")
