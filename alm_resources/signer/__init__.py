"""Signing: the only place that ever holds a key."""

from alm_resources.signer.environment import EnvironmentSigner, vault_from_environment
from alm_resources.signer.keystore import KeystoreSigner, create_keystore
from alm_resources.signer.policy import allow_list_from

__all__ = ["EnvironmentSigner", "KeystoreSigner", "allow_list_from", "create_keystore", "vault_from_environment"]
