"""Algebra Integral: Blackhole."""

from alm_resources.dex.algebra_integral.adapter import AlgebraIntegralAdapter

__all__ = ["AlgebraIntegralAdapter"]
