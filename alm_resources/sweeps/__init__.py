"""Sweeps over recorded history: grid files, identities of cells, finished cells on disk, and who computes them."""
