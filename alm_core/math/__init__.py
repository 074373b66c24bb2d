"""Exact integer mathematics of concentrated liquidity, and the one crossing to prices as floats."""
