"""The rules of a signer in the planner's own process: the same class, with terms from the registry."""

from dataclasses import replace

from alm_resources.registry import Registry
from alm_resources.settings import Settings
from alm_resources.signer.policy import terms_from
from alm_resources.signer.signing import SigningPolicy
from alm_resources.signer.standstill import SignerSwitch
from alm_resources.signer.state import FileState


def policy_in_process(registry: Registry, pair_id: str, settings: Settings) -> SigningPolicy:
    """Return the rules of a pair's wallet; what they remember is under the home of this process.

    A demo signs a day's transactions in minutes: there the hourly bound says nothing, and is left out.
    """
    terms = terms_from(registry, pair_id)
    if settings.mode == "demo":
        terms = replace(terms, transactions_per_hour=None)
    state = FileState(settings.home / "signer" / "state.json")
    return SigningPolicy(terms, state, SignerSwitch(settings.signer_halt_file))
