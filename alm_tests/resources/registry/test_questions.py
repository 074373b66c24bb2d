"""Questions to families that no local chain has: answers as such contracts encode them, right and wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest
from eth_abi.abi import encode

from alm_core.model.chain_ports import Call, CallResult, HeadReading
from alm_core.model.errors import SourceUnavailable
from alm_core.model.market import Block
from alm_resources.chains import ContractFunction
from alm_resources.registry import ListedPool, Registry, abi, load_registry
from alm_resources.registry.checks import Verdict
from alm_resources.registry.discover import discover_pools, discovered_overlay
from alm_resources.registry.verify import Finding, confirmed_overlay, verify_chain

REGISTRY = load_registry(None)
BLOCK = Block(chain_id=1, number=1, block_hash="0x", block_at=datetime(2026, 11, 1, tzinfo=UTC))
ZERO = "0x" + "00" * 20
OTHER = "0x1111111111111111111111111111111111111111"

Answers = dict[tuple[str, bytes], bytes]


@dataclass
class EncodedChain:
    """Answers by target and calldata; what is not known reverts, as a contract without the function does."""

    chain_id: int
    answers: Mapping[tuple[str, bytes], bytes] = field(default_factory=dict)
    batches: int = 0

    def read_head(self, calls: Sequence[Call]) -> HeadReading:
        self.batches += 1
        results = [self._answer(call) for call in calls]
        return HeadReading(block=BLOCK, results=tuple(results))

    def _answer(self, call: Call) -> CallResult:
        data = self.answers.get((call.target.lower(), call.data))
        return CallResult(succeeded=data is not None, data=data or b"")


def put(answers: Answers, function: ContractFunction, target: str, value: Sequence[object], *arguments: object) -> None:
    answers[target.lower(), function.data(*arguments)] = encode(function.outputs, value)


def pool_of(dex: str, chain: int, status: str) -> ListedPool:
    return next(p for p in REGISTRY.listed_pools(chain=chain) if p.dex == dex and p.status == status)


def findings_of(pool: ListedPool, answers: Answers, registry: Registry = REGISTRY) -> dict[str, Finding]:
    chain = EncodedChain(pool.chain_id, answers)
    found = verify_chain(registry, pool.chain_id, chain)  # type: ignore[arg-type]
    assert chain.batches == 1
    return {finding.what: finding for finding in found if finding.entry == f"pool {pool.pool_id}"}


def lb_answers(pool: ListedPool, *, old: bool, tokens: tuple[str, str], factory: str, step: int) -> Answers:
    answers: Answers = {}
    x, y = (abi.TOKEN_X, abi.TOKEN_Y) if old else (abi.GET_TOKEN_X, abi.GET_TOKEN_Y)
    put(answers, x, pool.address, [tokens[0]])
    put(answers, y, pool.address, [tokens[1]])
    put(answers, abi.FACTORY if old else abi.LB_ROUTER_FACTORY, pool.address, [factory])
    put(answers, abi.FEE_PARAMETERS if old else abi.GET_BIN_STEP, pool.address, [step])
    value = [step, pool.address, True, False]
    put(answers, abi.GET_LB_PAIR, pool.contracts.registrar, value, *pool.token_addresses, step)
    return answers


@pytest.mark.parametrize(("dex", "old"), [("joe-v2", True), ("joe-v2.1", False), ("joe-v2.2", False)])
def test_a_liquidity_book_pair_is_confirmed_whatever_order_its_tokens_have(dex: str, old: bool) -> None:
    pool = pool_of(dex, 43114, "unverified")
    backwards = (pool.token_addresses[1], pool.token_addresses[0])
    answers = lb_answers(pool, old=old, tokens=backwards, factory=pool.contracts.registrar, step=5)
    found = findings_of(pool, answers)
    assert {finding.verdict for finding in found.values()} == {Verdict.OK}
    assert found["bin step"].fills == {"bin_step": 5}


def test_a_liquidity_book_pair_of_other_tokens_or_another_factory_is_refused() -> None:
    pool = pool_of("joe-v2.1", 43114, "unverified")
    usdc_e = REGISTRY.token(43114, "USDC.e").address
    bridged = (usdc_e, pool.quote.address)
    found = findings_of(pool, lb_answers(pool, old=False, tokens=bridged, factory=OTHER, step=1))
    assert found["tokens"].verdict is Verdict.MISMATCH
    assert usdc_e.lower() in found["tokens"].found
    assert found["factory"].verdict is Verdict.MISMATCH


def v4_answers(pool: ListedPool, key: Sequence[object]) -> Answers:
    answers: Answers = {}
    pool_id = bytes.fromhex(pool.address[2:])
    infinity = pool.family == "infinity"
    view = pool.contracts.address("pool_manager" if infinity else "state_view")
    put(answers, abi.GET_SLOT0, view, [2**96, 0, 0, 8], pool_id)
    if infinity:
        put(answers, abi.POOL_ID_TO_KEY, view, key, pool_id)
    else:
        put(answers, abi.POOL_KEYS, pool.contracts.manager, key, pool_id[:25])
    return answers


def renamed(proven: ListedPool) -> tuple[ListedPool, Registry]:
    """The pool as if its key had not been recovered."""
    waiting = replace(
        proven, fee_pips=None, tick_spacing=None, hooks=None, parameters=None, status="unverified", reason="asked"
    )
    listed = tuple(waiting if pool is proven else pool for pool in REGISTRY.listed)
    return waiting, replace(REGISTRY, listed=listed)


@pytest.mark.parametrize(("dex", "chain"), [("uni-v4", 42161), ("pcs-v4", 56)])
def test_a_key_that_the_chain_tells_is_proven_by_its_hash_and_written(dex: str, chain: int) -> None:
    proven = pool_of(dex, chain, "operable")
    waiting, registry = renamed(proven)
    tokens = proven.token_addresses
    assert proven.tick_spacing is not None
    key: list[object] = [*tokens, proven.fee_pips, proven.tick_spacing, ZERO]
    if dex == "pcs-v4":
        parameters = (proven.tick_spacing << 16).to_bytes(32, "big")
        key = [*tokens, ZERO, proven.contracts.registrar, proven.fee_pips, parameters]
    found = findings_of(waiting, v4_answers(waiting, key), registry)
    assert {finding.verdict for finding in found.values()} == {Verdict.OK}
    fills = found["pool key"].fills
    assert (fills["fee_pips"], fills["tick_spacing"]) == (proven.fee_pips, proven.tick_spacing)
    assert fills["hooks"] == ZERO
    overlay = confirmed_overlay(registry, found.values())
    assert waiting.address in overlay
    assert 'evidence = "chain"' in overlay


def test_a_key_that_does_not_hash_to_the_id_is_a_mismatch_and_one_nobody_stored_cannot_tell() -> None:
    waiting, registry = renamed(pool_of("uni-v4", 42161, "operable"))
    tokens = waiting.token_addresses
    wrong = findings_of(waiting, v4_answers(waiting, [*tokens, 9, 1, ZERO]), registry)
    assert wrong["pool key"].verdict is Verdict.MISMATCH
    absent = findings_of(waiting, v4_answers(waiting, [ZERO, ZERO, 0, 0, ZERO]), registry)
    assert absent["pool key"].verdict is Verdict.CANNOT_TELL
    assert confirmed_overlay(registry, absent.values()) == ""


def test_hooks_are_left_to_a_person_even_if_the_hash_agrees() -> None:
    pool = pool_of("uni-v4", 1, "operable")
    hooked = replace(pool, hooks=OTHER)
    registry = replace(REGISTRY, listed=tuple(hooked if found is pool else found for found in REGISTRY.listed))
    found = findings_of(hooked, v4_answers(hooked, [*pool.token_addresses, 1, 1, ZERO]), registry)
    assert found["hooks"].verdict is Verdict.CANNOT_TELL
    assert found["hash of its key"].verdict is Verdict.MISMATCH


def test_an_uninitialised_pool_is_a_mismatch() -> None:
    pool = pool_of("uni-v4", 1, "operable")
    answers: Answers = {}
    put(answers, abi.GET_SLOT0, pool.contracts.address("state_view"), [0, 0, 0, 0], bytes.fromhex(pool.address[2:]))
    assert findings_of(pool, answers)["state"].found == "not initialised"


def v3_answers(pool: ListedPool, spacing: int) -> Answers:
    answers: Answers = {}
    put(answers, abi.TOKEN0, pool.address, [pool.token_addresses[0]])
    put(answers, abi.TOKEN1, pool.address, [pool.token_addresses[1]])
    put(answers, abi.FACTORY, pool.address, [pool.contracts.registrar])
    put(answers, abi.TICK_SPACING, pool.address, [spacing])
    return answers


@pytest.mark.parametrize(("dex", "chain"), [("aero-v3", 8453), ("ramses-v3", 999), ("pharaoh-v3", 43114)])
def test_pools_by_spacing_are_looked_up_by_it(dex: str, chain: int) -> None:
    pool = pool_of(dex, chain, "operable")
    answers = v3_answers(pool, 1)
    put(answers, abi.GET_POOL_BY_SPACING, pool.contracts.registrar, [pool.address], *pool.token_addresses, 1)
    found = findings_of(pool, answers)
    assert {finding.verdict for finding in found.values()} == {Verdict.OK}
    other = v3_answers(pool, 10)
    put(other, abi.GET_POOL_BY_SPACING, pool.contracts.registrar, [OTHER], *pool.token_addresses, 1)
    wrong = findings_of(pool, other)
    assert wrong["tick spacing"].verdict is wrong["pool of the factory"].verdict is Verdict.MISMATCH


def test_algebra_pools_are_looked_up_by_pair_and_by_their_custom_deployer_where_one_is_known() -> None:
    pool = pool_of("quickswap-v3", 137, "operable")
    answers = v3_answers(pool, 60)
    put(answers, abi.POOL_BY_PAIR, pool.contracts.registrar, [pool.address], *pool.token_addresses)
    assert {finding.verdict for finding in findings_of(pool, answers).values()} == {Verdict.OK}
    custom = pool_of("blackhole-v3", 43114, "operable")
    deployer, registrar = custom.contracts.address("custom_deployer"), custom.contracts.registrar
    answers = v3_answers(custom, 1)
    put(answers, abi.CUSTOM_POOL_BY_PAIR, registrar, [custom.address], deployer, *custom.token_addresses)
    assert {finding.verdict for finding in findings_of(custom, answers).values()} == {Verdict.OK}


def test_a_pool_of_a_custom_deployer_that_the_registry_does_not_know_cannot_be_told() -> None:
    known = pool_of("blackhole-v3", 43114, "operable")
    addresses = {role: found for role, found in known.contracts.addresses.items() if role != "custom_deployer"}
    unknown = replace(
        known, contracts=replace(known.contracts, addresses=addresses), status="unverified", reason="asked"
    )
    answers = v3_answers(unknown, 1)
    put(answers, abi.POOL_BY_PAIR, unknown.contracts.registrar, [ZERO], *unknown.token_addresses)
    registry = replace(REGISTRY, listed=(unknown,))
    found = findings_of(unknown, answers, registry)
    assert found["pool of the factory"].verdict is Verdict.CANNOT_TELL
    assert confirmed_overlay(registry, found.values()) == ""


def test_a_pool_without_known_contracts_cannot_be_told() -> None:
    pool = pool_of("hybra-v4", 999, "inoperable")
    assert {finding.verdict for finding in findings_of(pool, {}).values()} == {Verdict.CANNOT_TELL}


@pytest.mark.parametrize(
    ("returned", "verdict"),
    [
        (encode(["string"], ["USDT"]), Verdict.OK),
        (encode(["string"], ["USD₮0"]), Verdict.NOTE),
        (encode(["string"], ["USDt"]), Verdict.NOTE),
        (b"USDT".ljust(32, b"\0"), Verdict.OK),
        (encode(["string"], [""]), Verdict.MISMATCH),
        (bytes(32), Verdict.MISMATCH),
        (b"", Verdict.MISMATCH),
        (b"\xff" * 40, Verdict.MISMATCH),
    ],
)
def test_a_renamed_token_is_a_note_and_a_nameless_one_a_mismatch(returned: bytes, verdict: Verdict) -> None:
    token = REGISTRY.token(42161, "USDT")
    answers: Answers = {(token.address.lower(), abi.SYMBOL.data()): returned}
    found = verify_chain(REGISTRY, 42161, EncodedChain(42161, answers))  # type: ignore[arg-type]
    entry = f"token 42161:{token.address}"
    (symbol,) = [f for f in found if f.entry == entry and f.what.startswith("symbol")]
    assert symbol.verdict is verdict


def test_an_unreachable_chain_is_unknown_and_not_failed() -> None:
    class Silent:
        chain_id = 999

        def read_head(self, calls: Sequence[Call]) -> HeadReading:
            raise SourceUnavailable("rpc:999", f"no endpoint answers {len(calls)} calls")

    (finding,) = verify_chain(REGISTRY, 999, Silent())  # type: ignore[arg-type]
    assert finding.verdict is Verdict.UNREACHABLE
    assert "nothing is known of chain 999" in finding.remedy


def test_discovery_reads_bins_and_spacings_and_leaves_moving_fees_out() -> None:
    tokens = REGISTRY.listed_pools("USDC-USDT", 43114)[0].token_addresses
    answers: Answers = {}
    lb, pharaoh = REGISTRY.contracts("joe-v2.2", 43114), REGISTRY.contracts("pharaoh-v3", 43114)
    made = "0x2222222222222222222222222222222222222222"
    put(answers, abi.GET_LB_PAIR, lb.registrar, [1, OTHER, True, False], *tokens, 1)
    put(answers, abi.GET_BIN_STEP, OTHER, [1])
    put(answers, abi.GET_RESERVES, OTHER, [7, 9])
    put(answers, abi.GET_POOL_BY_SPACING, pharaoh.registrar, [made], *tokens, 5)
    put(answers, abi.TICK_SPACING, made, [5])
    put(answers, abi.FEE, made, [123])
    put(answers, abi.LIQUIDITY, made, [0])
    chain = EncodedChain(43114, answers)
    discovery = discover_pools(REGISTRY, "USDC-USDT", chain)  # type: ignore[arg-type]
    figures = {p.dex: (p.fee_pips, p.tick_spacing, p.bin_step, p.liquidity) for p in discovery.pools}
    assert figures == {"joe-v2.2": (None, None, 1, 9), "pharaoh-v3": (None, 5, None, 0)}
    assert chain.batches == 2
    assert any("uni-v4" in note for note in discovery.notes)
    assert "no liquidity when it was discovered" in discovered_overlay(discovery.pools)


def test_discovery_names_a_token_that_the_chain_has_not() -> None:
    discovery = discover_pools(REGISTRY, "WETH-USDC", EncodedChain(56))  # type: ignore[arg-type]
    assert discovery.pools == ()
    assert "WETH" in discovery.notes[0]
