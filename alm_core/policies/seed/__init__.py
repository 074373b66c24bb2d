"""The reference system's strategy formulas, kept as they are and proven against its golden vectors.

Its defects are part of it: volatility narrows the range, LVR uses the volatility of one bar, a flat series is
overbought. Nothing of it may leak into the default policy; what both share are the indicator formulas that are sound.
"""
