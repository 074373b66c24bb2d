"""Capital: what it is worth, what pools pay for it, what moving it costs, and where it should be."""
