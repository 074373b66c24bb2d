"""``alm signer``: the process that holds the keys, and what a person does with it."""

import os
import signal
import sys
import threading

import click

from alm_core.model.errors import ConfigError
from alm_resources.settings import Settings
from alm_resources.signer.desk import SignerDesk
from alm_resources.signer.hardening import seal_process
from alm_resources.signer.keystore import address_in
from alm_resources.signer.policy import MOST_STABLE, MOST_VOLATILE, PinnedPolicy, policy_text, read_policy, terms_from
from alm_resources.signer.server import SignerServer
from alm_resources.signer.signing import SigningPolicy
from alm_resources.signer.standstill import SignerSwitch
from alm_resources.signer.state import FileState
from alm_resources.signer.vault import KeyVault, open_vault, open_vault_with
from alm_resources.world import build_world


@click.group(invoke_without_command=True)
@click.option("--pair", "pairs", multiple=True, help="Pair whose wallet is signed for.")
@click.option("--all", "all_pairs", is_flag=True, help="All pairs of ALM_PAIRS.")
@click.option("--password-fd", type=click.IntRange(min=3), default=None, help="Descriptor to read the password from.")
@click.option("--allow-uid", "users", multiple=True, type=click.IntRange(min=0), help="User that may connect, too.")
@click.pass_context
def signer(
    ctx: click.Context, pairs: tuple[str, ...], all_pairs: bool, password_fd: int | None, users: tuple[int, ...]
) -> None:
    """Hold the keys in a process of its own and sign what its pinned policy admits."""
    if ctx.invoked_subcommand is None:
        settings = Settings.from_env(os.environ)
        wanted = settings.pairs if all_pairs else pairs
        if not wanted:
            raise ConfigError("say whose wallets: --pair PAIR, or --all for those of ALM_PAIRS")
        sys.exit(serve(settings, wanted, password_fd, users))


@signer.command()
@click.argument("pair")
@click.option("--stable", default=MOST_STABLE, show_default=True, help="Most whole stables one approval may give.")
@click.option("--volatile", default=MOST_VOLATILE, show_default=True, help="The same of other tokens.")
def policy(pair: str, stable: int, volatile: int) -> None:
    """Print the policy that the registry implies for PAIR, to be read and pinned."""
    settings = Settings.from_env(os.environ)
    terms = terms_from(build_world(settings).registry, pair, most_stable=stable, most_volatile=volatile)
    wallet = address_in(settings.keystore_dir / f"{pair}.json")
    click.echo(policy_text(PinnedPolicy(pair=pair, wallet=wallet.lower(), terms=terms)), nl=False)


@signer.command()
@click.option("--withdraw-only", is_flag=True, help="Let withdrawals through.")
@click.argument("reason")
def halt(withdraw_only: bool, reason: str) -> None:
    """Stop signatures at once, for REASON; needs access to the signer's folder."""
    switch = SignerSwitch(Settings.from_env(os.environ).signer_halt_file)
    click.echo(switch.set("withdraw_only" if withdraw_only else "halt", reason))


@signer.command()
def lift() -> None:
    """Sign again; needs access to the signer's folder."""
    lifted = SignerSwitch(Settings.from_env(os.environ).signer_halt_file).lift()
    click.echo("signing again" if lifted else "nothing stood still")


def serve(settings: Settings, pairs: tuple[str, ...], password_fd: int | None, users: tuple[int, ...]) -> int:
    """Open the keystores and answer until told to end.

    Raises
    ------
    ConfigError
        If a policy, a keystore or the password cannot be used: nothing listens then.
    """
    seal_process()
    password = _password_from(password_fd)
    switch = SignerSwitch(settings.signer_halt_file)
    state = FileState(settings.home / "signer" / "state.json")
    wallets: dict[str, tuple[KeyVault, SigningPolicy]] = {}
    for pair in pairs:
        pinned = _policy_of(settings, pair)
        keystore = settings.keystore_dir / f"{pair}.json"
        vault = (
            open_vault(keystore, settings.password_file) if password is None else open_vault_with(keystore, password)
        )
        if vault.address.lower() != pinned.wallet:
            raise ConfigError(f"keystore {keystore} is of {vault.address}, its policy of {pinned.wallet}")
        wallets[pair] = (vault, SigningPolicy(pinned.terms, state, switch))
    password = None
    server = SignerServer(settings.signer_socket, SignerDesk(wallets, switch).answer, {os.getuid(), *users})
    _end_on_signals(server)
    for pair, (vault, _) in wallets.items():
        click.echo(f"signing for {pair}: {vault.address}", err=True)
    click.echo(f"listening on {settings.signer_socket}", err=True)
    try:
        server.serve_forever(poll_interval=0.2)
    finally:
        server.close()
    return 0


def _policy_of(settings: Settings, pair: str) -> PinnedPolicy:
    path = settings.signer_policy / f"{pair}.toml" if settings.signer_policy.is_dir() else settings.signer_policy
    if not path.exists():
        raise ConfigError(f"signer policy {path} does not exist; make and read it: alm signer policy {pair} > {path}")
    pinned = read_policy(path)
    if pinned.pair != pair:
        raise ConfigError(f"{path} is the policy of {pinned.pair}, not of {pair}")
    return pinned


def _password_from(descriptor: int | None) -> bytes | None:
    if descriptor is None:
        return None
    try:
        with os.fdopen(descriptor, "rb") as pipe:
            return pipe.readline(4096)
    except OSError as error:
        raise ConfigError(f"--password-fd {descriptor} cannot be read: {type(error).__name__}") from None


def _end_on_signals(server: SignerServer) -> None:
    def end(number: int, frame: object) -> None:
        del number, frame
        # Not from the thread that serves: it would wait for itself.
        threading.Thread(target=server.shutdown, daemon=True).start()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, end)
