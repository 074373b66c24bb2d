"""``alm registry``: list what is known of pools, compare it with the chains, find new ones."""

import sys
from pathlib import Path

import click

json_option = click.option("--json", "as_json", is_flag=True, help="End with one JSON object on stdout.")
chain_option = click.option("--chain", "chains", multiple=True, type=int, help="Chain id; default all.")
write_option = click.option(
    "--write", "target", default=None, type=click.Path(dir_okay=False, path_type=Path), help="Overlay to write."
)


@click.group()
def registry() -> None:
    """Chains, tokens, contracts and pools: list, verify on chain, discover."""


@registry.command("list")
@click.option("--pair", default=None, help="Only pools of this pair.")
@chain_option
@json_option
def list_pools(pair: str | None, chains: tuple[int, ...], *, as_json: bool) -> None:
    """Show all listed pools with status and reason."""
    from alm_cli.registry_views import show_pools

    sys.exit(show_pools(pair, chains, as_json=as_json))


@registry.command()
@chain_option
@click.option("--all", "show_all", is_flag=True, help="Print what is in order, too.")
@write_option
@json_option
def verify(chains: tuple[int, ...], target: Path | None, *, show_all: bool, as_json: bool) -> None:
    """Compare every entry with its chain; exit code 1 if any differs or a chain does not answer."""
    from alm_cli.registry_views import run_verify

    sys.exit(run_verify(chains, target, show_all=show_all, as_json=as_json))


@registry.command()
@click.option("--pair", required=True, help="Pair whose tokens are looked for.")
@chain_option
@click.option("--dex", "dexes", multiple=True, help="DEX id; default all.")
@write_option
@json_option
def discover(pair: str, chains: tuple[int, ...], dexes: tuple[str, ...], target: Path | None, *, as_json: bool) -> None:
    """Ask factories for pools of a pair, and write those not listed as an overlay."""
    from alm_cli.registry_views import run_discover

    sys.exit(run_discover(pair, chains, dexes, target, as_json=as_json))


@registry.command()
def schema() -> None:
    """Print the JSON Schema of registry files."""
    from alm_resources.registry.schema import schema_text

    sys.stdout.write(schema_text())
