"""Who decides in a backtest: a policy, which searches and remembers, or a rule of the zoo."""

from collections.abc import Mapping

from alm_core.model.errors import ConfigError
from alm_core.policies.policy import Policy, policy_named
from alm_core.policies.zoo import ZOO, ZOO_WORDS
from alm_core.shadow.rivals import Rival

POLICIES = ("default", "seed")
Decider = Policy | Rival

DECIDERS: Mapping[str, str] = {
    "default": "ours: forces, searched parameters, gates",
    "seed": "the reference's formulas",
    **ZOO_WORDS,
}
"""Every name that :func:`decider_named` knows, with what it does in a line: for help texts."""


def decider_named(name: str) -> Decider:
    """Return the policy or rule of a name.

    Raises
    ------
    ConfigError
        If there is none.

    Examples
    --------
    >>> decider_named("hodl").__name__
    'hodl'
    """
    if name in POLICIES:
        return policy_named(name)
    if name in ZOO:
        return ZOO[name]
    raise ConfigError(f"policy {name!r} is not known; there are: {', '.join(DECIDERS)}")
