"""Merkl on a chain: what is read as earned is what a claim pays, also when the position is gone; proofs are checked."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
from eth_utils.address import to_checksum_address

from alm_core.execution.erc20 import balance_changes
from alm_core.model.errors import BadAnswer, InvalidInput, SourceUnavailable, TransactionWouldRevert
from alm_core.model.rewards import EarnedReward
from alm_localnet.contracts import calldata, install
from alm_localnet.dexes.uniswap_v3 import LocalUniswapV3
from alm_localnet.servers.faults import Fault, FaultSwitch
from alm_localnet.servers.http import StandInServer
from alm_localnet.servers.merkl import Merkl as MerklStandIn
from alm_resources.dex.rewards.merkl import Merkl
from alm_resources.dex.uniswap_v3 import UniswapV3Adapter
from alm_resources.merkl import MerklClient
from alm_tests.chain.families.v3_shaped import V3World, contracts_of, key_of, v3_world

pytestmark = pytest.mark.chain
DISTRIBUTOR = "0x3Ef3D8bA38EBe18DB133cEc108f4D14CE00Dd9Ae"
DISPUTE_HOURS = 2
CAKE, ARB = (str(to_checksum_address("0x" + byte * 20)) for byte in ("c0", "a0"))


@dataclass
class Scene:
    """Two reward tokens in the distributor, the service that tells of them, and our wallet with a position."""

    world: V3World
    stand_in: MerklStandIn
    server: StandInServer
    merkl: Merkl

    @property
    def chain_id(self) -> int:
        return self.world.chain.chain_id

    @property
    def wallet(self) -> str:
        return self.world.chain.wallet

    def credit(self, amount: int, token: str = CAKE, user: str | None = None) -> None:
        self.stand_in.credit(self.chain_id, user or self.wallet, token, amount)

    def publish(self, *, settled: bool = True) -> None:
        """Write the root of all that was earned, and wait until nobody can dispute it."""
        root = bytes.fromhex(self.stand_in.publish(self.chain_id)[2:])
        rpc = self.world.chain.rpc
        rpc.transact(self.world.chain.trader, DISTRIBUTOR, calldata("updateTree((bytes32,bytes32))", (root, bytes(32))))
        if settled:
            rpc.call("evm_increaseTime", 3600 * (DISPUTE_HOURS + 1))
            rpc.call("evm_mine")

    def earned(self, owner: str | None = None) -> tuple[EarnedReward, ...]:
        chain = self.world.chain
        return self.merkl.read_earned(chain.chain, (), owner or self.wallet, chain.block())

    def claim(self) -> dict[str, int]:
        """Claim all, and return what the wallet got by token."""
        (tx,) = self.merkl.plan_claim(self.earned(), self.wallet)
        return balance_changes(self.world.chain.run(tx).logs, self.wallet)


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[V3World]:
    world = v3_world(
        tmp_path_factory.mktemp("merkl"),
        LocalUniswapV3(),
        UniswapV3Adapter(),
        contracts_of("uni-v3", 1),
        key_of(fee_pips=500, tick_spacing=10),
    )
    chain = world.chain
    install(chain.rpc, chain.trader, DISTRIBUTOR, chain.code.creation("MerklDistributor"), "(uint48)", DISPUTE_HOURS)
    for address in (CAKE, ARB):
        chain.token(address, "RWD", 18)
        chain.rpc.transact(chain.trader, address, calldata("mint(address,uint256)", DISTRIBUTOR, 10**30))
    yield world
    chain.stop()


@pytest.fixture
def scene(standing: V3World) -> Iterator[Scene]:
    chain = standing.chain
    snapshot = chain.rpc.call("evm_snapshot")
    stand_in = MerklStandIn({chain.chain_id: "Local"})
    server = StandInServer("merkl", FaultSwitch(lambda: 0), stand_in)
    merkl = Merkl(MerklClient(server.url), {chain.chain_id: DISTRIBUTOR})
    yield Scene(standing, stand_in, server, merkl)
    server.close()
    chain.rpc.call("evm_revert", snapshot)


def test_what_is_read_is_what_a_claim_pays_to_the_unit(scene: Scene) -> None:
    scene.credit(123_456_789)
    scene.credit(10**24 + 1, token=ARB)
    for number in range(5):
        scene.credit(1000 + number, user=f"0x{number + 1:040x}")
    scene.publish()
    earned = scene.earned()
    assert [(reward.token, reward.amount) for reward in earned] == [
        (CAKE, 123_456_789),
        (ARB, 10**24 + 1),
    ]
    assert scene.claim() == {CAKE.lower(): 123_456_789, ARB.lower(): 10**24 + 1}
    assert scene.earned() == ()


def test_a_later_claim_pays_only_what_came_since(scene: Scene) -> None:
    for amount in (100, 23):
        scene.credit(amount)
        scene.publish()
        assert scene.claim() == {CAKE.lower(): amount}


def test_rewards_are_claimed_after_the_position_is_gone(scene: Scene) -> None:
    pool = scene.world.usd_eth
    position = scene.world.opened(pool)
    scene.credit(77)
    scene.world.close(pool, position)
    assert scene.world.chain.positions(pool) == ()
    scene.publish()
    assert scene.claim() == {CAKE.lower(): 77}


def test_the_root_of_before_counts_while_the_new_one_can_be_disputed(scene: Scene) -> None:
    scene.credit(50)
    scene.publish()
    scene.credit(50)
    scene.publish(settled=False)
    with pytest.raises(SourceUnavailable, match="the distributor takes proofs of"):
        scene.earned()


def test_what_is_pending_is_not_claimable(scene: Scene) -> None:
    scene.credit(50, token=ARB)
    scene.publish()
    scene.credit(7)
    assert [(reward.token, reward.amount) for reward in scene.earned()] == [(ARB, 50)]


def test_nothing_is_asked_on_a_chain_without_a_distributor(scene: Scene) -> None:
    chain = scene.world.chain
    assert Merkl(MerklClient(scene.server.url), {}).read_earned(chain.chain, (), scene.wallet, chain.block()) == ()
    assert scene.server.requests == []


def test_a_wallet_that_never_earned_has_nothing(scene: Scene) -> None:
    assert scene.earned() == ()


@pytest.mark.parametrize("place", ["amount", "proof"])
def test_a_proof_that_proves_nothing_is_a_bad_answer(scene: Scene, place: str) -> None:
    scene.credit(123)
    scene.credit(5, user="0x" + "01" * 20)
    scene.publish()

    def lie(_path: str, body: bytes) -> bytes:
        told = b'"amount": "123"' if place == "amount" else b'"proofs": ["0x'
        assert told in body
        return body.replace(
            told, b'"amount": "124"' if place == "amount" else b'"proofs": ["0x' + b"00" * 32 + b'", "0x'
        )

    scene.server.switch.set(Fault(kind="rewrite", rewrite=lie))
    with pytest.raises(BadAnswer, match="leads to"):
        scene.earned()


@pytest.mark.parametrize(
    "fault", [Fault(kind="status", status=503), Fault(kind="drop"), Fault(kind="garbage")], ids=lambda fault: fault.kind
)
def test_a_service_that_fails_is_an_error_and_never_nothing(scene: Scene, fault: Fault) -> None:
    scene.credit(123)
    scene.publish()
    scene.server.switch.set(fault)
    with pytest.raises((SourceUnavailable, BadAnswer)):
        scene.earned()


def test_a_claim_that_would_go_elsewhere_is_refused(scene: Scene) -> None:
    scene.credit(123)
    scene.publish()
    elsewhere = calldata("setClaimRecipient(address,address)", scene.world.chain.other, "0x" + "00" * 20)
    scene.world.chain.rpc.transact(scene.wallet, DISTRIBUTOR, elsewhere)
    with pytest.raises(InvalidInput, match="go to"):
        scene.earned()


def test_nobody_else_claims_for_the_wallet(scene: Scene) -> None:
    scene.credit(123)
    scene.publish()
    (tx,) = scene.merkl.plan_claim(scene.earned(), scene.wallet)
    with pytest.raises(TransactionWouldRevert):
        scene.world.chain.chain.simulate(replace(tx, sender=scene.world.chain.other))
