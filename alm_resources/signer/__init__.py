"""Signing: the only place that ever holds a key."""

from alm_resources.signer.keystore import KeystoreSigner, create_keystore
from alm_resources.signer.policy import allow_list_from

__all__ = ["KeystoreSigner", "allow_list_from", "create_keystore"]
