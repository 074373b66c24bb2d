"""Types, ports and errors shared by every part. Frozen dataclasses; integers for whatever meets a chain."""
