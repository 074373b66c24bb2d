"""Books: what a receipt did to a wallet's balances."""
