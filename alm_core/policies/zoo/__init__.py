"""The zoo: every rule that backtests know, simple ones and clones of what other managers of liquidity do.

Clones follow the sources named in their modules; fees that those managers take are left out for all of them.
"""

from collections.abc import Mapping

from alm_core.policies.zoo.auto import auto_like
from alm_core.policies.zoo.beefy import beefy_like
from alm_core.policies.zoo.gamma import gamma_like
from alm_core.policies.zoo.mellow import mellow_like
from alm_core.shadow.rivals import RIVALS, Rival, placed_once

FIXED_HALF_WIDTHS = {"fixed_1": 0.01, "fixed_2": 0.02, "fixed_5": 0.05, "fixed_10": 0.1, "fixed_20": 0.2}

ZOO: Mapping[str, Rival] = {
    **RIVALS,
    **{
        name: placed_once(name, {"stable": half_width, "volatile": half_width})
        for name, half_width in FIXED_HALF_WIDTHS.items()
    },
    "beefy_like": beefy_like("beefy_like"),
    "mellow_like": mellow_like("mellow_like"),
    "gamma_like": gamma_like("gamma_like"),
    "auto_like": auto_like("auto_like"),
}

ZOO_WORDS: Mapping[str, str] = {
    "hodl": "tokens as they were",
    "wide": "placed once, ±50 % (stables ±1 %)",
    "tau_reset": "±5 % (stables ±0.1 %), recentred when left",
    **{name: f"placed once, ±{half_width:.0%}".replace("%", " %") for name, half_width in FIXED_HALF_WIDTHS.items()},
    "beefy_like": "range and one-sided rest, moved by interval and deviation, never sells",
    "mellow_like": "one range that follows the price only when left, never sells",
    "gamma_like": "base range and limit order, set anew at a threshold, never sells",
    "auto_like": "recentred and compounded where that pays back",
}
"""What each of them does, in a line."""
