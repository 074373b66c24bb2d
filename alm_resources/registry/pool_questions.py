"""What pools are asked, by family: tokens, key, and whether the factory says that it made them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from eth_utils.address import to_checksum_address

from alm_core.model.chain_ports import CallResult
from alm_resources.chains import ContractFunction
from alm_resources.registry import abi
from alm_resources.registry.checks import Check, Judgement, Reading, Verdict, equals, one_of, told
from alm_resources.registry.families import FAMILIES
from alm_resources.registry.identity import NO_HOOKS, identity_of
from alm_resources.registry.registry import DexContracts, ListedPool

_DYNAMIC_FEE = 1_000_000
_MASK24 = 2**24 - 1


def pool_checks(pool: ListedPool) -> Iterator[Check]:
    """Ask the chain about one listed pool."""
    entry = f"pool {pool.pool_id}"
    kind = FAMILIES[pool.family].pool_key
    if kind == "unknown" or not pool.contracts.addresses:
        yield told(entry, "family", "dex", pool.dex, "no contracts of this family are known", Verdict.CANNOT_TELL)
    elif kind == "pool_key":
        yield from _keyed_checks(entry, pool)
    elif kind == "bin_step":
        yield from _bin_checks(entry, pool)
    else:
        yield from _v3_like_checks(entry, pool)


def lookups(contracts: DexContracts, tokens: tuple[str, str], tiers: Sequence[int]) -> tuple[Reading, ...]:
    """Return the reads that ask a factory for the pools of two tokens, one per tier; one in all where it has none."""
    kind, factory = FAMILIES[contracts.family].pool_key, contracts.registrar
    if kind == "pair":
        custom = contracts.addresses.get("custom_deployer")
        if custom is not None:
            return (Reading(function=abi.CUSTOM_POOL_BY_PAIR, target=factory, arguments=(custom, *tokens)),)
        return (Reading(function=abi.POOL_BY_PAIR, target=factory, arguments=tokens),)
    if kind == "bin_step":
        reads = [(abi.GET_LB_PAIR, step) for step in tiers]
        return tuple(Reading(function=f, target=factory, arguments=(*tokens, t), index=1) for f, t in reads)
    function: ContractFunction = abi.GET_POOL_BY_FEE if kind == "fee" else abi.GET_POOL_BY_SPACING
    return tuple(Reading(function=function, target=factory, arguments=(*tokens, tier)) for tier in tiers)


def _v3_like_checks(entry: str, pool: ListedPool) -> Iterator[Check]:
    token0, token1 = pool.token_addresses
    family = FAMILIES[pool.family]
    yield equals(entry, "token0", "base, quote", token0, _ask(abi.TOKEN0, pool))
    yield equals(entry, "token1", "base, quote", token1, _ask(abi.TOKEN1, pool))
    yield equals(entry, "factory", "dex", pool.contracts.registrar, _ask(abi.FACTORY, pool))
    if family.pool_key == "fee":
        yield equals(entry, "fee", "fee_pips", pool.fee_pips, _ask(abi.FEE, pool))
    yield equals(entry, "tick spacing", "tick_spacing", pool.tick_spacing, _ask(abi.TICK_SPACING, pool))
    key = pool.fee_pips if family.pool_key == "fee" else pool.tick_spacing
    reads = lookups(pool.contracts, pool.token_addresses, family.tiers if key is None else (key,))
    # Custom deployers of Algebra Integral are not in poolByPair().
    missing = Verdict.CANNOT_TELL if pool.family == "algebra_integral" else Verdict.MISMATCH
    yield one_of(entry, "pool of the factory", "address", pool.address, *reads, missing=missing)


def _bin_checks(entry: str, pool: ListedPool) -> Iterator[Check]:
    tokens = pool.token_addresses
    x, y = (abi.GET_TOKEN_X, abi.TOKEN_X), (abi.GET_TOKEN_Y, abi.TOKEN_Y)
    yield _tokens_check(entry, pool, (x, y))
    yield equals(
        entry,
        "factory",
        "dex",
        pool.contracts.registrar,
        _ask(abi.LB_ROUTER_FACTORY, pool),
        _ask(abi.FACTORY, pool),
    )
    steps = (_ask(abi.GET_BIN_STEP, pool), _ask(abi.FEE_PARAMETERS, pool))
    yield equals(entry, "bin step", "bin_step", pool.bin_step, *steps)
    tiers = FAMILIES[pool.family].tiers if pool.bin_step is None else (pool.bin_step,)
    yield one_of(entry, "pair of the factory", "address", pool.address, *lookups(pool.contracts, tokens, tiers))


def _tokens_check(entry: str, pool: ListedPool, names: tuple[tuple[ContractFunction, ContractFunction], ...]) -> Check:
    # tokenX and tokenY are in the order of whoever made the pair.
    readings = [tuple(_ask(function, pool) for function in side) for side in names]

    def judge(results: Sequence[CallResult]) -> Judgement:
        pairs = [tuple(zip(side, results[2 * n : 2 * n + 2], strict=True)) for n, side in enumerate(readings)]
        found = [next((v for r, x in side if (v := r.value(x)) is not None), None) for side in pairs]
        same = {str(value).lower() for value in found} == {token.lower() for token in pool.token_addresses}
        text = " and ".join(str(value) for value in found if value is not None) or "no code or no tokens"
        return Judgement(found=text, verdict=Verdict.OK if same else Verdict.MISMATCH)

    calls = tuple(reading.call for side in readings for reading in side)
    expected = " and ".join(pool.token_addresses)
    return Check(entry=entry, what="tokens", key="base, quote", expected=expected, calls=calls, judge=judge)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Key:
    """A pool key as a chain holds it."""

    tokens: tuple[str, str]
    hooks: str
    fee_pips: int
    tick_spacing: int
    parameters: str | None = None

    @property
    def fills(self) -> dict[str, int | str]:
        entries: dict[str, int | str] = {"fee_pips": self.fee_pips, "tick_spacing": self.tick_spacing}
        hooks = {"hooks": to_checksum_address(self.hooks)}
        return entries | hooks | ({} if self.parameters is None else {"parameters": self.parameters})


def _keyed_checks(entry: str, pool: ListedPool) -> Iterator[Check]:
    pool_id = bytes.fromhex(pool.address[2:])
    infinity = pool.family == "infinity"
    view = pool.contracts.address("pool_manager" if infinity else "state_view")
    yield _initialised(entry, Reading(function=abi.GET_SLOT0, target=view, arguments=(pool_id,)))
    if pool.fee_pips is not None and pool.tick_spacing is not None:
        found = identity_of(pool.family, pool.contracts.addresses, pool.token_addresses, pool)
        verdict = Verdict.OK if found == pool.address else Verdict.MISMATCH
        yield told(entry, "hash of its key", "address", pool.address, str(found), verdict)
        hooks = pool.hooks or NO_HOOKS
        yield told(entry, "hooks", "hooks", NO_HOOKS, hooks, Verdict.OK if hooks == NO_HOOKS else Verdict.CANNOT_TELL)
        return
    manager = pool.contracts.registrar if infinity else pool.contracts.manager
    function = abi.POOL_ID_TO_KEY if infinity else abi.POOL_KEYS
    argument = pool_id if infinity else pool_id[:25]
    yield _key_check(entry, pool, Reading(function=function, target=manager, arguments=(argument,)))


def _initialised(entry: str, reading: Reading) -> Check:
    def judge(results: Sequence[CallResult]) -> Judgement:
        slot0 = reading.answers(results[0])
        if slot0 is None:
            return Judgement(found="no getSlot0()", verdict=Verdict.MISMATCH)
        if not slot0[0]:
            return Judgement(found="not initialised", verdict=Verdict.MISMATCH)
        return Judgement(found=f"tick {slot0[1]}, fee {slot0[3]} pips", verdict=Verdict.OK)

    return Check(entry=entry, what="state", key="address", expected="a price", calls=(reading.call,), judge=judge)


def _key_check(entry: str, pool: ListedPool, reading: Reading) -> Check:
    def judge(results: Sequence[CallResult]) -> Judgement:
        answers = reading.answers(results[0])
        if answers is None or not int(str(answers[1]), 16):
            return Judgement(found="no key of this id is stored", verdict=Verdict.CANNOT_TELL)
        key = _key_from(pool.family, answers)
        text = f"{key.tokens[0]}, {key.tokens[1]}, fee {key.fee_pips}, spacing {key.tick_spacing}, hooks {key.hooks}"
        return Judgement(found=text, verdict=_key_verdict(pool, key), fills=key.fills)

    expected = f"a key that hashes to the id, with {' and '.join(pool.token_addresses)}"
    return Check(entry=entry, what="pool key", key="base, quote", expected=expected, calls=(reading.call,), judge=judge)


def _key_from(family: str, answers: tuple[object, ...]) -> _Key:
    if family == "uniswap_v4":
        token0, token1, fee, spacing, hooks = answers
        return _Key(
            tokens=(str(token0), str(token1)), hooks=str(hooks), fee_pips=int(str(fee)), tick_spacing=int(str(spacing))
        )
    token0, token1, hooks, _, fee, parameters = answers
    word = parameters if isinstance(parameters, bytes) else b""
    return _Key(
        tokens=(str(token0), str(token1)),
        hooks=str(hooks),
        fee_pips=int(str(fee)),
        tick_spacing=int.from_bytes(word, "big") >> 16 & _MASK24,
        parameters="0x" + word.hex(),
    )


def _key_verdict(pool: ListedPool, key: _Key) -> Verdict:
    hashed = identity_of(pool.family, pool.contracts.addresses, key.tokens, key)
    tokens = {token.lower() for token in pool.token_addresses}
    if hashed != pool.address or {token.lower() for token in key.tokens} != tokens:
        return Verdict.MISMATCH
    # Hooks may take what they like, and decide the fee: that a person has to look at.
    plain = int(key.hooks, 16) == 0 and key.fee_pips < _DYNAMIC_FEE
    return Verdict.OK if plain else Verdict.CANNOT_TELL


def _ask(function: ContractFunction, pool: ListedPool) -> Reading:
    return Reading(function=function, target=pool.address)
