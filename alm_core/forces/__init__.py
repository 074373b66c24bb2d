"""The three forces: volatility, momentum, trend, each 0..100, from minute candles."""
