"""Which bins a wallet has shares of, from the chain alone and complete.

Shares exist only of bins that are not empty, and a pair finds the nearest such bin above or below any id. Ids go in
pages of 256, as the pair's own tree has them: pages with a bin that is not empty are looked up from the active one
outwards, and the wallet's balances of all ids of such a page are one call. Where liquidity is a few hundred bins around
the price, that is two requests; what lies elsewhere costs its page more.
"""

from collections.abc import Generator, Sequence
from typing import TypeVar

from eth_utils.crypto import keccak

from alm_core.math.bins import MAX_ID
from alm_core.model.chain_ports import Call, CallResult
from alm_core.model.errors import BadAnswer
from alm_core.model.market import PoolState
from alm_resources.chains.calldata import revert_reason
from alm_resources.dex.liquidity_book import abi
from alm_resources.dex.liquidity_book.abi import Layout

PAGE = 256
_LAST_PAGE = MAX_ID // PAGE
_PAGES_AHEAD = 6
_MOST_PAGES = 1_500
"""A pair with more is not believed: real ones have a few, and each costs a call."""
_NOTHING_THERE = bytes(keccak(text="TreeMath__ErrorDepthSearch()")[:4])
"""How 2.0 says that there is no further bin; 2.1 and 2.2 answer the end of the ids."""

T = TypeVar("T")
Asking = Generator[Sequence[Call], Sequence[CallResult], T]


def held_shares(layout: Layout, state: PoolState, active_id: int, owner: str) -> Asking[dict[int, int]]:
    """Ask for the owner's shares by bin: yields calls, is sent their answers.

    Raises
    ------
    BadAnswer
        If the pair does not answer as one, or would need more pages than are believed.
    """
    pages = yield from _pages(layout, state, active_id // PAGE)
    calls = [
        abi.BALANCE_OF_BATCH.call(state.pool.address, [owner] * PAGE, list(_ids(page)), may_fail=True) for page in pages
    ]
    answers = yield calls
    held: dict[int, int] = {}
    for page, answer in zip(pages, answers, strict=True):
        balances = _balances(state, answer)
        held |= {bin_id: shares for bin_id, shares in zip(_ids(page), balances, strict=True) if shares}
    return held


def _pages(layout: Layout, state: PoolState, active: int) -> Asking[list[int]]:
    pages = {active}
    top: int | None = active
    bottom: int | None = active
    while top is not None or bottom is not None:
        ups = [] if top is None else [min(top + ahead, _LAST_PAGE) for ahead in range(_PAGES_AHEAD)]
        downs = [] if bottom is None else [max(bottom - ahead, 0) for ahead in range(_PAGES_AHEAD)]
        answers = yield [
            *(_next_call(layout, state, page * PAGE + PAGE - 1, below=False) for page in ups),
            *(_next_call(layout, state, page * PAGE, below=True) for page in downs),
        ]
        found = [_page_found(state, answer) for answer in answers]
        above, below = found[: len(ups)], found[len(ups) :]
        pages.update(page for page in found if page is not None)
        # From the last page asked about on, the next one found is where to go on.
        top = above[-1] if above else None
        bottom = below[-1] if below else None
        if len(pages) > _MOST_PAGES:
            raise BadAnswer(source_of(state), f"has bins in more than {_MOST_PAGES} pages of {PAGE} ids")
    return sorted(pages)


def _next_call(layout: Layout, state: PoolState, bin_id: int, *, below: bool) -> Call:
    arguments = (bin_id, below) if layout.fees_apart else (below, bin_id)
    return layout.next_bin.call(state.pool.address, *arguments, may_fail=True)


def _page_found(state: PoolState, result: CallResult) -> int | None:
    if not result.succeeded:
        if result.data == _NOTHING_THERE:
            return None
        raise BadAnswer(source_of(state), f"does not tell its next bin: {revert_reason(result.data)}")
    (bin_id,) = abi.NEXT_ID.answer(result.data, source_of(state))
    return None if bin_id in (0, MAX_ID) else bin_id // PAGE


def _balances(state: PoolState, result: CallResult) -> Sequence[int]:
    if not result.succeeded:
        raise BadAnswer(source_of(state), f"does not tell balances of bins: {revert_reason(result.data)}")
    (balances,) = abi.BALANCE_OF_BATCH.answer(result.data, source_of(state))
    if len(balances) != PAGE:
        raise BadAnswer(source_of(state), f"answers {len(balances)} balances of {PAGE} bins")
    return balances


def _ids(page: int) -> range:
    return range(page * PAGE, page * PAGE + PAGE)


def source_of(state: PoolState) -> str:
    """Return what errors call a pair."""
    return f"pool {state.pool.pool_id}"
