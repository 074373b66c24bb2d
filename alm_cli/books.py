"""``alm books``: whether the books equal the chains now, and whether a day counted again gives the same."""

import importlib
import json
import os
import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import click

from alm_cli.main import json_option
from alm_core.accounting.postings import NATIVE

if TYPE_CHECKING:
    from alm_core.execution.books_check import BooksVerdict
    from alm_core.model.books import LedgerEntry, Posting
    from alm_resources.recounting import DayChain, Subject
    from alm_resources.world import World


class _LazyBooks(click.Group):
    elsewhere: dict[str, tuple[str, str]] = {  # noqa: RUF012 - click instantiates the class once
        "export": ("alm_cli.books_export", "export"),
        "pnl": ("alm_cli.books_export", "pnl"),
        "lots": ("alm_cli.books_export", "lots"),
    }

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *self.elsewhere])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.elsewhere:
            return super().get_command(ctx, cmd_name)
        module, name = self.elsewhere[cmd_name]
        return getattr(importlib.import_module(module), name)


@click.group(cls=_LazyBooks)
def books() -> None:
    """Prove the books against the chains, and count days again."""


@books.command()
@click.option("--pair", "pairs", multiple=True, help="Pair whose wallet; default all of ALM_PAIRS.")
@json_option
def check(pairs: tuple[str, ...], as_json: bool) -> None:
    """Compare books and chains to the wei, now; writes nothing. Exit code 0 only if everything is proven."""
    from alm_core.execution.books_check import look_at_books

    world, wanted = _world(pairs)
    found = [(pair, verdict) for pair in wanted for verdict in _looked_at(world, pair, look_at_books)]
    plain = [{"pair": pair, **_plain(world, verdict)} for pair, verdict in found]
    if as_json:
        sys.stdout.write(json.dumps({"equal": all(one["equal"] for one in plain), "chains": plain}) + "\n")
    else:
        _print_check(plain)
    sys.exit(0 if all(one["equal"] for one in plain) else 1)


@books.command()
@click.option("--pair", required=True, help="Pair whose wallet.")
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), default=None, help="Day by UTC; default today.")
@json_option
def recount(pair: str, day: datetime | None, as_json: bool) -> None:
    """Rebuild a day from logs and receipts alone and compare it row by row; exit code 1 where it differs.

    Nodes must keep the state of that day.
    """
    world, _ = _world((pair,))
    wanted = (day or datetime.now(UTC)).date()
    found = [_recounted(world, pair, chain_id, wanted) for chain_id in _chain_ids(world, pair)]
    agrees = not any(one["differences"] for one in found)
    if as_json:
        plain = {"pair": pair, "day": wanted.isoformat(), "agrees": agrees, "chains": found}
        sys.stdout.write(json.dumps(plain) + "\n")
    for one in () if as_json else found:
        counts = f"{one['transactions']} transactions, {one['changes']} changes, {one['stakes']} of liquidity"
        click.echo(
            f"{pair} {wanted}, chain {one['chain_id']}: blocks {one['first_block']}..{one['last_block']}: {counts}"
        )
        for text in one["differences"]:
            click.echo(f"  differs: {text}")
    sys.exit(0 if agrees else 1)


def _world(pairs: tuple[str, ...]) -> "tuple[World, tuple[str, ...]]":
    from alm_core.model.errors import ConfigError
    from alm_resources.settings import Settings
    from alm_resources.world import build_world

    settings = Settings.from_env(os.environ)
    if not settings.signs:
        raise ConfigError(f"ALM_MODE={settings.mode} never signs: there are no books")
    return build_world(settings), tuple(pairs or settings.pairs)


def _chain_ids(world: "World", pair: str) -> list[int]:
    return sorted({pool.chain_id for pool in world.registry.pools_of(pair)})


def _looked_at(world: "World", pair: str, look: Any) -> "list[BooksVerdict]":
    reconciler = world.reconciler_for(pair, full=False)
    return [look(view, world.journal, reconciler.pause) for view in reconciler.views()]


def _plain(world: "World", verdict: "BooksVerdict") -> dict[str, Any]:
    past = world.journal.read_discrepancies(verdict.chain_id, verdict.wallet)
    return {
        "chain_id": verdict.chain_id,
        "wallet": verdict.wallet,
        "block": verdict.block_number,
        "equal": not verdict.differences and verdict.unproven is None,
        "unproven": verdict.unproven,
        "differences": [one.text for one in verdict.differences],
        "accounts": [
            {"account": kind, "token": token, "amount": str(amount)}
            for (kind, token), amount in verdict.balance.items()
        ],
        "discrepancies": [
            {
                "found_at": one.found_at.isoformat() if one.found_at else None,
                "block": one.block_number,
                "text": one.text,
            }
            for one in past
        ],
    }


def _print_check(plain: list[dict[str, Any]]) -> None:
    for one in plain:
        state = "not proven" if one["unproven"] else "equal" if one["equal"] else "DIFFERENT"
        click.echo(
            f"{one['pair']}, chain {one['chain_id']}, block {one['block']}: {state} {one['unproven'] or ''}".rstrip()
        )
        for text in one["differences"]:
            click.echo(f"  {text}")
        for row in one["accounts"]:
            click.echo(f"  {row['account']:<12} {row['token']:<42} {row['amount']:>40}")
        for row in one["discrepancies"]:
            click.echo(f"  recorded {row['found_at']} at block {row['block']}: {row['text']}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Books:
    """Rows of a wallet on a chain, to compare a recount with."""

    entries: "tuple[LedgerEntry, ...]"
    postings: "tuple[Posting, ...]"


def _recounted(world: "World", pair: str, chain_id: int, day: date) -> dict[str, Any]:
    from alm_core.accounting.recount import balance_differences, recounted, stake_differences
    from alm_core.model.errors import ConfigError
    from alm_resources.recounting import DayChain, read_day

    chain, wallet = world.chains.get(chain_id), world.wallet_of(pair)
    if not isinstance(chain, DayChain):
        raise ConfigError(f"chain {chain_id}: no endpoint is configured")
    seen = read_day(chain, _subject(world, chain, pair, wallet), day)
    rows = _Books(
        entries=world.journal.read_entries(chain_id, wallet), postings=world.journal.read_postings(chain_id, wallet)
    )
    found = recounted(seen)
    differences = [
        *balance_differences(found, rows.entries, seen.hashes),
        *stake_differences(found, rows.postings, seen.hashes),
        *_not_found(chain, rows, seen.hashes, (seen.first_block, seen.last_block)),
        *_native(chain, rows, found.received_native, (seen.first_block, seen.last_block)),
    ]
    return {
        "chain_id": chain_id,
        "first_block": seen.first_block,
        "last_block": seen.last_block,
        "transactions": len(seen.sent),
        "changes": len(found.balances),
        "stakes": len(found.stakes),
        "received_native": str(found.received_native),
        "differences": differences,
    }


def _subject(world: "World", chain: "DayChain", pair: str, wallet: str) -> "Subject":
    """Names of what is counted: tokens and positions that the journal knows, no amounts."""
    from alm_resources.recounting import Subject, block_named

    chain_id = chain.chain_id
    pools = [pool for pool in world.registry.pools_of(pair) if pool.chain_id == chain_id]
    tokens = {token.address.lower() for pool in pools for token in (pool.token0, pool.token1)}
    tokens |= world.journal.read_ledger_sums(chain_id, wallet).keys() - {NATIVE}
    openings = [
        entry.tx_hash.partition(":")[2]
        for entry in world.journal.read_entries(chain_id, wallet)
        if entry.token == NATIVE and entry.tx_hash.startswith("opening:")
    ]
    return Subject(
        wallet=wallet,
        pools=pools,
        tokens=tokens,
        known=world.journal.read_positions(chain_id, wallet),
        begins=block_named(chain, openings[0]) if openings else None,
    )


def _not_found(chain: "DayChain", rows: _Books, hashes: frozenset[str], span: tuple[int, int]) -> list[str]:
    """Name booked transactions that the chain does not have, or has on the day although the recount found none."""
    from alm_core.accounting.recount import strangers

    found: list[str] = []
    for tx_hash in sorted(strangers((*rows.entries, *rows.postings), hashes)):
        receipt = chain.read_receipt(tx_hash)
        if receipt is None:
            found.append(f"{tx_hash} is booked, and the chain has no such transaction")
        elif span[0] <= receipt.block_number <= span[1]:
            found.append(f"{tx_hash} is booked, and did nothing to the wallet on the day")
    return found


def _native(chain: "DayChain", rows: _Books, received: int, span: tuple[int, int]) -> list[str]:
    """Compare native coin that came from outside; it is booked by the block that it was proven at."""
    from alm_core.accounting.recount import native_difference
    from alm_resources.recounting import block_named

    booked, after = 0, 0
    for entry in rows.entries:
        name, _, block_hash = entry.tx_hash.partition(":")
        if entry.token != NATIVE or name not in ("opening", "deposit", "adjustment"):
            continue
        block = block_named(chain, block_hash)
        if block is not None and span[0] <= block.number <= span[1]:
            booked += entry.delta if name != "opening" else 0  # from where on the day is counted
        elif block is not None and block.number > span[1] and not after:
            after = entry.delta
    text = native_difference(received, booked, after)
    return [text] if text else []
