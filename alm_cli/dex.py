"""``alm dex``: adapters proven on the chains of a registry file."""

import sys
from pathlib import Path

import click


@click.group()
def dex() -> None:
    """DEX adapters: prove them on a fork of a real chain."""


@dex.command()
@click.option(
    "--registry",
    "file",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Registry overlay with chains, tokens, dexes, pools and [wallet] key_env.",
)
@click.option("--pool", "pools", multiple=True, help="Pool of the file, address or <chain id>:<address>; default all.")
@click.option(
    "--usd", type=click.FloatRange(min=0, min_open=True), help="Size of a position; else [wallet] usd, or 100."
)
@click.option(
    "--wait",
    "wait_s",
    default=30.0,
    show_default=True,
    type=click.FloatRange(min=0),
    help="Longest wait for volume, seconds.",
)
@click.option(
    "--width",
    "width_frac",
    type=click.FloatRange(min=0, max=0.9, min_open=True),
    help="Distance of a range's bounds from the price; else 0.02, or 0.002 between stables.",
)
@click.option("--in-range", is_flag=True, help="Refuse to open beside the price where the wallet has one token only.")
@click.option("--price", "prices", multiple=True, help="SYMBOL=USD where a pool does not tell; stables are 1.")
@click.option(
    "--home", type=click.Path(file_okay=False, path_type=Path), help="Where the journal is kept; else a temporary one."
)
@click.option("--live", type=click.Choice(["yes"]), help="Also where the RPC is not of this machine: real money.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per pool on stdout.")
def roundtrip(
    file: Path,
    pools: tuple[str, ...],
    usd: float | None,
    wait_s: float,
    width_frac: float | None,
    prices: tuple[str, ...],
    home: Path | None,
    live: str | None,
    *,
    in_range: bool,
    as_json: bool,
) -> None:
    """Open, wait, collect, shift and close in every pool of a registry file; exit code 1 if any is not ok.

    Signs with the key in the environment variable that [wallet] key_env names, and sends. Everything takes the path of
    real trading: journal, limits, simulation, signer. What was opened is closed, also after an error or Ctrl-C.
    """
    from alm_cli.roundtrip import Request, run_roundtrip

    request = Request(
        file=file,
        pools=pools,
        usd=usd,
        wait_s=wait_s,
        width_frac=width_frac,
        only_in_range=in_range,
        prices=prices,
        home=home,
        live=live == "yes",
        as_json=as_json,
    )
    sys.exit(run_roundtrip(request))
