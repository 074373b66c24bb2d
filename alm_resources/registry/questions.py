"""What chains, tokens and deployments are asked, so that an entry that is wrong is seen to be."""

from collections.abc import Iterator, Sequence

from alm_core.model.chain_ports import CallResult
from alm_core.model.pools import Token
from alm_resources.chains import ContractFunction
from alm_resources.registry import abi
from alm_resources.registry.checks import Check, Judgement, Reading, Verdict, equals, has_code, told
from alm_resources.registry.registry import ChainConfig, DexContracts

_ALGEBRA = ("algebra_v1", "camelot_v3", "algebra_integral")
_POOL_DEPLOYERS = (abi.POOL_DEPLOYER, abi.RAMSES_POOL_DEPLOYER)


def chain_checks(chain: ChainConfig) -> Iterator[Check]:
    """Ask a chain for its id and the contracts that everything else leans on."""
    entry = f"chain {chain.chain_id}"
    yield equals(entry, "chain id", "rpc", chain.chain_id, Reading(function=abi.GET_CHAIN_ID, target=chain.multicall3))
    if chain.permit2 is not None:
        yield has_code(entry, "Permit2", "permit2", chain.permit2)
    yield equals(
        entry,
        f"decimals of wrapped {chain.native_symbol}",
        "wrapped_native",
        18,
        Reading(function=abi.DECIMALS, target=chain.wrapped_native),
    )
    yield has_code(entry, "Li.Fi diamond", "lifi_diamond", chain.lifi_diamond)


def token_checks(token: Token) -> Iterator[Check]:
    """Ask a token for decimals, which must agree, and symbol, which issuers change."""
    entry = f"token {token.chain_id}:{token.address}"
    decimals = Reading(function=abi.DECIMALS, target=token.address)
    yield equals(entry, f"decimals of {token.symbol}", "decimals", token.decimals, decimals)
    yield _symbol_check(entry, token)


def _symbol_check(entry: str, token: Token) -> Check:
    text, raw = (Reading(function=read, target=token.address) for read in (abi.SYMBOL, abi.SYMBOL_BYTES32))

    def judge(results: Sequence[CallResult]) -> Judgement:
        found = text.value(results[0])
        if found is None and len(results[0].data) == 32 and (word := raw.value(results[0])) is not None:
            # Early tokens (MKR's time) return bytes32.
            found = bytes(word).rstrip(b"\0").decode("utf-8", "replace") if isinstance(word, bytes) else None
        if not found:
            return Judgement(found="no symbol", verdict=Verdict.MISMATCH)
        same = str(found) == token.symbol
        return Judgement(found=str(found)[:40], verdict=Verdict.OK if same else Verdict.NOTE)

    return Check(
        entry=entry,
        what=f"symbol of {token.symbol}",
        key="symbol",
        expected=token.symbol,
        calls=(text.call,),
        judge=judge,
    )


def contract_checks(contracts: DexContracts, wrapped_native: str) -> Iterator[Check]:
    """Ask the contracts of a deployment for each other."""
    entry = f"dex {contracts.dex} {contracts.chain_id}"
    if contracts.family == "unknown":
        yield told(entry, "family", "family", "-", "unknown: nothing to ask", Verdict.CANNOT_TELL)
    elif contracts.family == "uniswap_v4":
        for role in ("position_manager", "state_view", "quoter"):
            yield from _points_to(entry, contracts, role, "pool_manager", abi.POOL_MANAGER)
        yield from _points_to(entry, contracts, "position_manager", "permit2", abi.PERMIT2)
    elif contracts.family == "infinity":
        yield from _points_to(entry, contracts, "position_manager", "pool_manager", abi.CL_POOL_MANAGER)
        yield from _points_to(entry, contracts, "position_manager", "vault", abi.VAULT)
        yield from _points_to(entry, contracts, "pool_manager", "vault", abi.VAULT)
        yield from _points_to(entry, contracts, "position_manager", "permit2", abi.PERMIT2)
    elif contracts.family in ("liquidity_book", "liquidity_book_v20"):
        yield has_code(entry, "factory", "factory", contracts.registrar)
        yield from _points_to(entry, contracts, "router", "factory", abi.LB_ROUTER_FACTORY, abi.FACTORY)
    else:
        yield from _v3_like_checks(entry, contracts, wrapped_native)


def _v3_like_checks(entry: str, contracts: DexContracts, wrapped_native: str) -> Iterator[Check]:
    manager = contracts.manager
    yield has_code(entry, "factory", "factory", contracts.registrar)
    if contracts.family == "ramses_v3":
        # Its position manager knows the deployer of pools and not the factory.
        yield from _points_to(entry, contracts, "position_manager", "deployer", abi.DEPLOYER)
    else:
        yield from _points_to(entry, contracts, "position_manager", "factory", abi.FACTORY)
    if "deployer" in contracts.addresses:
        yield has_code(entry, "deployer", "deployer", contracts.address("deployer"))
        yield from _points_to(entry, contracts, "factory", "deployer", *_POOL_DEPLOYERS, missing=Verdict.CANNOT_TELL)
    native = abi.WRAPPED_NATIVE if contracts.family in _ALGEBRA else abi.WETH9
    yield equals(
        entry,
        f"{native.name} of position_manager",
        "position_manager",
        wrapped_native,
        Reading(function=native, target=manager),
        missing=Verdict.CANNOT_TELL,
    )
    for role in ("quoter", "router"):
        yield from _points_to(entry, contracts, role, "factory", abi.FACTORY, missing=Verdict.NOTE)


def _points_to(
    entry: str,
    contracts: DexContracts,
    role: str,
    target_role: str,
    *functions: ContractFunction,
    missing: Verdict = Verdict.MISMATCH,
) -> Iterator[Check]:
    if role not in contracts.addresses or target_role not in contracts.addresses:
        return
    address = contracts.address(role)
    readings = [Reading(function=function, target=address) for function in functions]
    what = f"{target_role} of {role}"
    yield equals(entry, what, role, contracts.address(target_role), *readings, missing=missing)
