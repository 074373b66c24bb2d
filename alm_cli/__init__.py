"""The ``alm`` command."""
