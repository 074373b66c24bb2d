"""The seed policy over many epochs, on paper: what it decides is carried out, and its own past comes back to it."""

import itertools
from datetime import datetime

from alm_core.model.config import LimitsConfig, StrategyConfig
from alm_core.model.decisions import DecisionKind
from alm_core.model.epochs import Epoch
from alm_core.model.market import MarketSnapshot
from alm_core.model.shadow import ShadowBook, ShadowEpoch
from alm_core.policies import policy_named
from alm_core.portfolio.canonical import canonical_json
from alm_core.shadow.shadow import ShadowInputs, shadow_epoch
from alm_tests.core.forces.tapes import END_AT, walk
from alm_tests.core.policies.seed_scene import QUARTER, ending_at, with_figures
from alm_tests.core.portfolio.scene import Scene

DAYS = 1.5
EPOCHS = int(DAYS * 96)


def paper_books(first_pool_usd: float) -> list[ShadowBook]:
    """Books of the seed over a day and a half, in which the first pool trades so much in every quarter hour."""
    begin_at = END_AT - EPOCHS * QUARTER
    candles = ending_at(walk(DAYS + 1, sigma_minute=1.5e-3, seed=4), 2000.0)
    policies = {"seed": policy_named("seed")}
    seen: dict[datetime, MarketSnapshot] = {}
    previous: ShadowEpoch | None = None
    books: list[ShadowBook] = []
    for number in range(EPOCHS):
        at = begin_at + number * QUARTER
        known = candles.before(at)
        price = float(known.close[-1])
        figures = [40e6 + number * first_pool_usd, 24e6 + number * 20e3]
        snapshot = with_figures(Scene(price=price, fees_usd_day=(0.0, 0.0)).snapshot(at), figures)
        inputs = ShadowInputs(
            epoch=Epoch(pair="WETH-USDC", epoch_at=at),
            candles=known,
            signals=policies["seed"].force_signals(Epoch(pair="WETH-USDC", epoch_at=at), known),
            snapshot=snapshot,
            past_snapshots=tuple(seen.values())[-8:],
            strategy=StrategyConfig(policy="seed", optimize=False),
            limits=LimitsConfig(),
            previous=previous,
            earlier=dict(list(seen.items())[-1:]),
        )
        previous = shadow_epoch(inputs, policies, {})
        assert previous.problems == ()
        seen[at] = snapshot
        (book,) = previous.books
        books.append(book)
    return books


def test_capital_is_placed_at_once_and_no_two_moves_lie_closer_than_the_hold() -> None:
    books = paper_books(300e3)
    moves = [index for index, book in enumerate(books) if book.kind is not DecisionKind.HOLD]
    assert books[0].kind is DecisionKind.PRA
    assert len(moves) >= 2
    assert all(after - before >= 48 for before, after in itertools.pairwise(moves))
    assert books[-1].nav_usd is not None


def test_the_same_day_gives_the_same_books() -> None:
    one, two = paper_books(100e3), paper_books(100e3)
    assert canonical_json(one) == canonical_json(two)
