"""Algebra v1: QuickSwap V3 and Camelot V3."""

from alm_resources.dex.algebra_v1.adapter import AlgebraV1Adapter, CamelotV3Adapter

__all__ = ["AlgebraV1Adapter", "CamelotV3Adapter"]
