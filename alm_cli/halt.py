"""``alm halt`` and ``alm resume``: nothing, or only what leaves, is signed until a person lets a wallet go on."""

import json
import os
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from alm_core.model.books import ANY_CHAIN, ANY_WALLET, StandstillMode
from alm_core.model.errors import AlmError, SignerRefused, SourceError
from alm_resources.settings import Settings
from alm_resources.world import build_world

if TYPE_CHECKING:
    from alm_resources.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class HaltRequest:
    """The command line of ``alm halt``."""

    pair: str | None
    chain_id: int | None
    withdraw_only: bool
    reason: str
    as_json: bool


def run_halt(request: HaltRequest) -> int:
    """Stop signatures at once: the journal first, which every signature asks, then the hot state for other processes.

    A stop of everything also throws the signer's own switch. Hot state or signer may be down: that is said, and stops
    nothing.
    """
    settings = Settings.from_env(os.environ)
    world = build_world(settings)
    mode: StandstillMode = "withdraw_only" if request.withdraw_only else "halt"
    wallet = world.wallet_of(request.pair) if request.pair else ANY_WALLET
    chain_id = request.chain_id if request.chain_id is not None else ANY_CHAIN
    world.journal.halt(chain_id, wallet, request.reason, mode=mode, set_by="operator")
    everything = (chain_id, wallet) == (ANY_CHAIN, ANY_WALLET)
    told = _tell_hot_state(world, request, mode) if everything else "not asked"
    signer = _tell_signer(settings, request, mode) if everything else "not asked"
    plain = {"mode": mode, "wallet": wallet, "chain_id": chain_id, "reason": request.reason}
    plain |= {"hot_state": told, "signer": signer}
    words = f"{mode}: {_where(chain_id, wallet)}; {request.reason} (hot state: {told}; signer: {signer})"
    _write(plain, request.as_json, words)
    return 0


def run_resume(pair: str | None, chain_id: int | None, *, as_json: bool) -> int:
    """Lift standstills where books and chains agree; exit code 1, and nothing is lifted, where they do not.

    What a breaker measures begins anew: a person has seen the loss.
    """
    settings = Settings.from_env(os.environ)
    world = build_world(settings)
    pairs = [pair] if pair else [*settings.pairs]
    refusals = [refusal for one in pairs for refusal in _not_green(world, one, chain_id)]
    lifted: list[dict[str, Any]] = []
    if not refusals:
        wallets = {world.wallet_of(one).lower(): one for one in pairs}
        lifted = _lift(world, wallets, chain_id, everything=pair is None)
        for wallet, one in wallets.items():
            world.forget_marks(one, wallet)
        _clear_hot_state(world, everything=pair is None and chain_id is None)
    signer = _ask_signer(settings, lift=not refusals and pair is None and chain_id is None)
    plain = {"resumed": not refusals, "lifted": lifted, "refusals": refusals, "signer": signer}
    words = "; ".join(refusals) if refusals else f"{len(lifted)} standstills lifted (signer: {signer})"
    _write(plain, as_json, words)
    return 1 if refusals else 0


def _not_green(world: "World", pair: str, chain_id: int | None) -> list[str]:
    try:
        verdicts = world.reconciler_for(pair).look()
    except AlmError as error:
        return [f"{pair}: {type(error).__name__}: {error}"]
    return [
        f"{pair} on chain {verdict.chain_id}: {'; '.join(verdict.differences)}"
        for verdict in verdicts
        if verdict.differences and chain_id in (None, verdict.chain_id)
    ]


def _lift(world: "World", wallets: dict[str, str], chain_id: int | None, *, everything: bool) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for at, wallet, standstill in world.journal.read_halts():
        ours = wallet.lower() in wallets or (everything and wallet == ANY_WALLET)
        if ours and chain_id in (None, at):
            world.journal.lift_halt(at, wallet)
            found.append({"chain_id": at, "wallet": wallet, "mode": standstill.mode, "reason": standstill.reason})
    return found


def _tell_hot_state(world: "World", request: HaltRequest, mode: StandstillMode) -> str:
    from alm_resources.dragonfly import Halt

    if mode != "halt":
        return "not asked"
    try:
        world.hot_state.halt(Halt(reason=request.reason, by="operator", halted_at=datetime.now(UTC)))
    except SourceError as error:
        return f"does not answer: {error}"
    return "told"


def _tell_signer(settings: Settings, request: HaltRequest, mode: StandstillMode) -> str:
    from alm_resources.signer import SocketSigner
    from alm_resources.signer.standstill import SignerSwitch

    try:
        if settings.signer == "socket":
            return SocketSigner(settings.signer_socket, settings.pairs[0]).stand_still(mode, request.reason)
        return SignerSwitch(settings.signer_halt_file).set(mode, request.reason)
    except (SourceError, SignerRefused) as error:
        return f"not told: {error}"


def _ask_signer(settings: Settings, *, lift: bool) -> str:
    """Lift the switch of a signer in this process; one of a process of its own is its operator's to lift."""
    from alm_resources.signer.standstill import SignerSwitch

    switch = SignerSwitch(settings.signer_halt_file)
    if settings.signer == "socket":
        return "its switch is lifted where it runs: alm signer lift"
    if lift:
        switch.lift()
    standing = switch.read()
    return "signs" if standing is None else standing[0]


def _clear_hot_state(world: "World", *, everything: bool) -> None:
    if everything:
        try:
            world.hot_state.resume()
        except SourceError as error:
            click.echo(f"alm: hot state does not answer, its switch stays: {error}", err=True)


def _where(chain_id: int, wallet: str) -> str:
    chain = "all chains" if chain_id == ANY_CHAIN else f"chain {chain_id}"
    return f"{'all wallets' if wallet == ANY_WALLET else wallet}, {chain}"


def _write(plain: dict[str, Any], as_json: bool, words: str) -> None:
    sys.stdout.write((json.dumps(plain) if as_json else words) + "\n")
