"""Rewards that Merkl computes off chain, and the proofs with which they are claimed."""

from alm_resources.merkl.client import MerklClient

__all__ = ["MerklClient"]
