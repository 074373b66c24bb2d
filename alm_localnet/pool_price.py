"""How a pool of each family tells its price, as services that watch pools read it."""

from alm_localnet.contracts import calldata
from alm_localnet.pools import LocalPool

CENTRE_BIN = 2**23
_WORD = 64
_PRICE_OF_FAMILY = {
    "algebra_v1": "globalState()",
    "camelot_v3": "globalState()",
    "algebra_integral": "globalState()",
    "liquidity_book": "getActiveId()",
    "liquidity_book_v20": "getReservesAndId()",
}


def price_call(pool: LocalPool) -> tuple[str, bytes]:
    """Return the contract and the calldata that tell a pool's price."""
    family, contracts = pool.deployment.family, pool.deployment.contracts
    if pool.shared:
        view = contracts["state_view" if family == "uniswap_v4" else "pool_manager"]
        return view, calldata("getSlot0(bytes32)", bytes.fromhex(pool.address[2:]))
    return pool.address, calldata(_PRICE_OF_FAMILY.get(family, "slot0()"))


def price_from(pool: LocalPool, answer: str) -> float:
    """Return the price, quote per base, in an answer to :func:`price_call`."""
    words = [int(answer[at : at + _WORD], 16) for at in range(2, len(answer), _WORD)]
    if pool.preset.bin_step is None:
        return pool.price(words[0])
    raw = (1 + pool.preset.bin_step / 1e4) ** (words[-1] - CENTRE_BIN)
    # Pairs have their tokens in the order of whoever made them.
    return pool.price_of_raw(raw if getattr(pool.dex, "x_is_token0", True) else 1 / raw)
