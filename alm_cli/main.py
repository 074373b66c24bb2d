"""Entry point of the ``alm`` command; each command imports what it needs when it runs."""

import importlib
import signal
import sys
from pathlib import Path
from typing import NoReturn

import click

from alm_core.model.errors import AlmError


class _LazyGroup(click.Group):
    """Groups and commands of other modules, imported when they are asked for: name, module, help."""

    elsewhere: dict[str, tuple[str, str]] = {  # noqa: RUF012 - click instantiates the class once
        "dex": ("alm_cli.dex", "dex"),
        "registry": ("alm_cli.registry", "registry"),
        "history": ("alm_cli.history", "history"),
        "replay": ("alm_cli.replay", "replay"),
        "backtest": ("alm_cli.backtest", "backtest"),
        "signer": ("alm_cli.signer", "signer"),
        "limits": ("alm_cli.limits", "limits"),
        "books": ("alm_cli.books", "books"),
        "sweep": ("alm_cli.sweep", "sweep"),
    }

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *self.elsewhere])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.elsewhere:
            return super().get_command(ctx, cmd_name)
        module, name = self.elsewhere[cmd_name]
        return getattr(importlib.import_module(module), name)


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="light-alm", prog_name="alm")
def alm() -> None:
    """Autonomous manager of concentrated liquidity."""


json_option = click.option("--json", "as_json", is_flag=True, help="End with one JSON object on stdout.")


@alm.command()
@click.option("--epochs", default=32, type=click.IntRange(min=1), show_default=True, help="Quarter hours per pair.")
@click.option("--seed", default=7, show_default=True, help="Seed of the market process.")
@click.option("--tape", default=None, help="Recorded tape for WETH-USDC, e.g. polygon_usdc_weth_005.")
@click.option(
    "--home", default=".alm/demo", show_default=True, type=click.Path(), help="Where the demo keeps its state."
)
@click.option("--faults", is_flag=True, help="Let exchanges and services fail, lie and stall while it runs.")
@json_option
def demo(epochs: int, seed: int, tape: str | None, home: str, faults: bool, as_json: bool) -> None:
    """Run full cycles for every pair against real contracts on local chains."""
    from alm_cli.demo import DemoOptions, run_demo

    sys.exit(run_demo(DemoOptions(epochs=epochs, seed=seed, tape=tape, home=home, faults=faults, as_json=as_json)))


@alm.command()
@click.option("--pair", "pairs", multiple=True, help="Pair to run; default all of ALM_PAIRS.")
@click.option("--at", "epoch_at", default=None, help="Epoch to run, ISO time; default the current quarter hour.")
@json_option
def epoch(pairs: tuple[str, ...], epoch_at: str | None, as_json: bool) -> None:
    """Run one cycle through Dagster, in this process."""
    from alm_cli.epoch import run_epochs

    sys.exit(run_epochs(pairs, epoch_at, as_json=as_json))


@alm.command()
@json_option
def status(as_json: bool) -> None:
    """Show the last epoch, holdings and open intents of every pair."""
    from alm_cli.status import show_status

    sys.exit(show_status(as_json=as_json))


@alm.command()
@json_option
def doctor(as_json: bool) -> None:
    """Check environment, registry, keys, sources and chains; say what to do about each problem."""
    from alm_cli.doctor import run_doctor

    sys.exit(run_doctor(as_json=as_json))


@alm.command()
@click.option("--claim", is_flag=True, help="Send claims too, by the path of trading; demo and live modes only.")
@json_option
def rewards(claim: bool, as_json: bool) -> None:
    """List what gauges, farms and Merkl owe the wallets, also for positions that are gone; claim it if told."""
    from alm_cli.rewards import run_rewards

    sys.exit(run_rewards(claim=claim, as_json=as_json))


@alm.command()
@click.option("--pair", "pairs", multiple=True, help="Pair to look at; default all of ALM_PAIRS.")
@click.option("--full", is_flag=True, help="Look at clock, heads, known blocks, code of contracts and registry too.")
@click.option("--repair", is_flag=True, help="Take the lead: finish what is in flight, take back rights.")
@click.option("--adopt", is_flag=True, help="Take the chain's word where the books differ. Look first.")
@click.option("--accept-code", is_flag=True, help="Take the code of contracts as it is now for right. Look first.")
@json_option
def reconcile(pairs: tuple[str, ...], full: bool, repair: bool, adopt: bool, accept_code: bool, as_json: bool) -> None:
    """Compare books and chains beside whatever is running; exit code 0 only if all is green."""
    from alm_cli.reconcile import Request, run_reconcile

    request = Request(pairs=pairs, full=full, repair=repair, adopt=adopt, accept_code=accept_code, as_json=as_json)
    sys.exit(run_reconcile(request))


@alm.command()
@click.option("--pair", default=None, help="Pair whose wallet stops; default all wallets.")
@click.option("--chain", "chain_id", default=None, type=int, help="Chain on which it stops; default all.")
@click.option("--withdraw-only", is_flag=True, help="Let what leaves through: closes, unstaking, resets of allowances.")
@click.option("--reason", required=True, help="Why; whoever lifts it reads this.")
@json_option
def halt(pair: str | None, chain_id: int | None, withdraw_only: bool, reason: str, as_json: bool) -> None:
    """Stop all signatures at once, or all but what leaves."""
    from alm_cli.halt import HaltRequest, run_halt

    request = HaltRequest(pair=pair, chain_id=chain_id, withdraw_only=withdraw_only, reason=reason, as_json=as_json)
    sys.exit(run_halt(request))


@alm.command()
@click.option("--pair", default=None, help="Pair whose wallet goes on; default all of ALM_PAIRS.")
@click.option("--chain", "chain_id", default=None, type=int, help="Chain on which it goes on; default all.")
@json_option
def resume(pair: str | None, chain_id: int | None, as_json: bool) -> None:
    """Lift what halts, if books and chains agree; exit code 1 where they do not."""
    from alm_cli.halt import run_resume

    sys.exit(run_resume(pair, chain_id, as_json=as_json))


@alm.command("exit-all")
@click.option("--pair", "pairs", multiple=True, help="Pair to leave; default all of ALM_PAIRS.")
@click.option("--chain", "chains", multiple=True, type=int, help="Chain to leave; default all.")
@click.option("--yes", is_flag=True, help="Do it; otherwise it is only shown.")
@click.option("--despite-halt", is_flag=True, help="Sign although a wallet stands halted in the journal.")
@click.option(
    "--journal",
    default=None,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for a journal of its own, where the configured one is lost or cannot be reconciled.",
)
@json_option
def exit_all(
    pairs: tuple[str, ...], chains: tuple[int, ...], yes: bool, despite_halt: bool, journal: Path | None, as_json: bool
) -> None:
    """Close every position and take back every right; needs only chains and key. Shows first, does it with --yes."""
    from alm_cli.exit_all import Request, run_exit_all

    request = Request(pairs=pairs, chains=chains, yes=yes, despite_halt=despite_halt, journal=journal, as_json=as_json)
    sys.exit(run_exit_all(request))


@alm.command()
@click.argument("pair")
def keystore(pair: str) -> None:
    """Make a new encrypted key for the wallet of PAIR and print its address."""
    from alm_cli.keystore import make_keystore

    sys.exit(make_keystore(pair))


@alm.command()
@click.option("--home", default=".alm/dev", show_default=True, type=click.Path(), help="Where state is kept.")
@click.option("--port", default=3000, show_default=True, help="Port of the Dagster UI on 127.0.0.1.")
@click.option("--seed", default=7, show_default=True, help="Seed of the market process.")
@click.option("--tape", default=None, help="Recorded tape for WETH-USDC.")
@click.option(
    "--epochs", default=8, type=click.IntRange(min=1), show_default=True, help="Past quarter hours to run first."
)
def dev(home: str, port: int, seed: int, tape: str | None, epochs: int) -> None:
    """Open the Dagster UI with the embedded world."""
    from alm_cli.dev import DevOptions, run_dev

    sys.exit(run_dev(DevOptions(home=home, port=port, seed=seed, tape=tape, epochs=epochs)))


@alm.command()
@click.option("--home", default=".alm/demo", show_default=True, type=click.Path(exists=True), help="State to look at.")
@click.option("--port", default=3000, show_default=True, help="Port of the Dagster UI on 127.0.0.1.")
def ui(home: str, port: int) -> None:
    """Open the Dagster UI over what a demo left behind; nothing runs."""
    from alm_cli.dev import run_ui

    sys.exit(run_ui(home, port))


def _leave(number: int, _frame: object) -> NoReturn:
    # As an exception, so that local chains and servers are stopped on the way out.
    sys.exit(128 + number)


def main() -> None:
    """Run the command; errors of ours are one line that says what to do, with exit code 2."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, _leave)
    try:
        alm()
    except AlmError as error:
        click.echo(f"alm: {error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
