"""The mathematics of water-filling: what a pool takes at a price, and the prices of limits that bind."""
