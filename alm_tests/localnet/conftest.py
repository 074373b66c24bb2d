"""The localnet tests use the fixtures of the chain tests."""

from alm_tests.chain.conftest import localnet, standing_localnet

__all__ = ["localnet", "standing_localnet"]
