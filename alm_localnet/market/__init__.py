"""The market process: prices and activity by minute, generated from a seed or read from a recorded tape. Pure numpy."""
