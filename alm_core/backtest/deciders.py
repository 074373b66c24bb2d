"""Who decides in a backtest: a policy, which searches and remembers, or a rival, which is a rule."""

from alm_core.model.errors import ConfigError
from alm_core.policies.policy import Policy, policy_named
from alm_core.shadow.rivals import RIVALS, Rival

POLICIES = ("default", "seed")
Decider = Policy | Rival


def decider_named(name: str) -> Decider:
    """Return the policy or rival of a name.

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
    if name in RIVALS:
        return RIVALS[name]
    raise ConfigError(f"policy {name!r} is not known; there are: {', '.join((*POLICIES, *RIVALS))}")
