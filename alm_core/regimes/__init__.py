"""Regimes of the market, entered at once and left slowly, and the kill switches of the strategy."""
