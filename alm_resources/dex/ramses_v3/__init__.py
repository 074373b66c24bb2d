"""Ramses V3: Ramses and Pharaoh."""

from alm_resources.dex.ramses_v3.adapter import RamsesV3Adapter

__all__ = ["RamsesV3Adapter"]
