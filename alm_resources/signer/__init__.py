"""Signing: the only place that ever holds a key."""

from alm_resources.signer.environment import EnvironmentSigner, vault_from_environment
from alm_resources.signer.in_process import policy_in_process
from alm_resources.signer.keystore import KeystoreSigner, create_keystore
from alm_resources.signer.policy import allow_list_from
from alm_resources.signer.socket_client import SocketSigner

__all__ = [
    "EnvironmentSigner",
    "KeystoreSigner",
    "SocketSigner",
    "allow_list_from",
    "create_keystore",
    "policy_in_process",
    "vault_from_environment",
]
