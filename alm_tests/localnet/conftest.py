"""The localnet tests use the fixtures of the chain tests."""

from alm_tests.chain.conftest import families, localnet, standing_families, standing_localnet

__all__ = ["families", "localnet", "standing_families", "standing_localnet"]
