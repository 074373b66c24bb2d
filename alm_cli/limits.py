"""``alm limits``: what a file says against the ceilings, and which limits hold."""

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

import click
from rich.table import Table

from alm_cli.progress import terminal
from alm_core.portfolio.limit_bounds import LIMIT_RULES, limit_value, too_loose
from alm_resources.settings import Settings, read_limits

json_option = click.option("--json", "as_json", is_flag=True, help="End with one JSON object on stdout.")


@click.group()
def limits() -> None:
    """Show the limits in force, and check a file of limits against the ceilings."""


@limits.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@json_option
def check(file: Path | None, as_json: bool) -> None:
    """Check FILE, or the file of ALM_CONFIG: exit code 1 where a limit is looser than its ceiling."""
    path = file or (Path(os.environ["ALM_CONFIG"]) if os.environ.get("ALM_CONFIG") else None)
    config = read_limits(path)
    found = too_loose(config, str(path or "built-in configuration"))
    if as_json:
        sys.stdout.write(json.dumps({"ok": not found, "violations": [asdict(one) for one in found]}) + "\n")
    else:
        for one in found:
            click.echo(str(one))
        click.echo(f"{len(LIMIT_RULES)} limits, {len(found)} looser than allowed")
    sys.exit(1 if found else 0)


@limits.command()
@json_option
def show(as_json: bool) -> None:
    """Show the limits in force, the looser ones that will be, and when."""
    from alm_resources.world import build_world

    settings = Settings.from_env(os.environ)
    found = build_world(settings).limits_in_force()
    pending = {one.limit: one for one in found.pending}
    if as_json:
        plain = {
            "in_force": asdict(found.limits),
            "file": asdict(settings.limits),
            "pending": [{**asdict(one), "from_at": one.from_at.isoformat()} for one in found.pending],
        }
        sys.stdout.write(json.dumps(plain) + "\n")
        return
    table = Table("limit", "in force", "loosest allowed", "of", "pairs", "pending")
    for name, rule in LIMIT_RULES.items():
        later = pending.get(name)
        table.add_row(
            name,
            f"{limit_value(found.limits, name):g}",
            f"{rule.loosest:g}",
            rule.unit,
            rule.asset_class,
            f"{later.wanted:g} from {later.from_at.isoformat()}" if later else "",
        )
    terminal().print(table)
