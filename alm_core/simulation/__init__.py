"""What a set of range parameters would have earned on recorded candles, after all costs."""
