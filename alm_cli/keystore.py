"""``alm keystore``: the key of a pair's wallet. Only its address is ever shown."""

import os

import click

from alm_resources.settings import Settings
from alm_resources.signer import create_keystore
from alm_resources.world import build_world


def make_keystore(pair_id: str) -> int:
    """Create the keystore of a pair in mode 0400; an existing one is never overwritten."""
    settings = Settings.from_env(os.environ)
    build_world(settings).registry.pair(pair_id)
    address = create_keystore(settings.keystore_dir / f"{pair_id}.json", settings.password_file)
    click.echo(address)
    click.echo(
        f"Password: {settings.password_file}. Back up both files, then fund the address with the tokens of {pair_id} "
        "and native coin on each chain.",
        err=True,
    )
    return 0
