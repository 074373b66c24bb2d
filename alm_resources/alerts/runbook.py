"""Which entries of the runbook an alert is about: told by the controls it names, by what went wrong, by its kind."""

import re

from alm_core.model.controls import CONTROLS, RUNBOOK

KINDS = {
    "failed": "run-failed",
    "trouble": "troubled-epoch",
    "transactions": "transactions-failed",
    "stale": "no-fresh-epoch",
}
"""Entry of every kind of alert, by what its key begins with."""
ANY_ALERT = "any-alert"

PATTERNS = (
    (r"somebody else uses the key|used by a transaction that is not ours|the node lags or the chain was", "nonce"),
    (r"(stake of position|in transit as) .*differs from the books|has not its two sides", "discrepancy"),
    (r"differs from the books|mined with other effects", "books-differ"),
    (r"outcome unknown|OutcomeUnknown|no receipt of", "outcome-unknown"),
    (r"NotLeading|is led by|whether we lead|another executor leads|FencedOff", "lead"),
    (r"SignerRefused|SignerUnavailable|signer refused|signer: ", "signer"),
    (r"position \d+ .*(found on chain|is gone from the chain)|PositionChanged", "positions"),
    (r"rpc:\d+|no endpoint is configured", "chain-unreachable"),
    (r"standstill \(|stands still|\bhalt: ", "standstill"),
    (r"transfer .*(needs a person|MANUAL|overdue)", "transfers"),
    (r"database is locked|disk is full|disk I/O error|OperationalError|JournalBroken", "journal-broken"),
)
"""What appears in texts that name no control, and the entry it belongs to."""


def entries_of(key: str, text: str) -> tuple[str, ...]:
    """Return the anchors an alert is about, the most telling first; every alert has at least one.

    Parameters
    ----------
    key
        As it was sent with: ``<kind>:<what>``.
    text
        Title and body.

    Examples
    --------
    >>> entries_of("trouble:P@1", "stopped early: chain 1: code_hash: code of 0xa was 0x1 and is 0x2")
    ('code-hash', 'troubled-epoch')
    >>> entries_of("", "hello")
    ('any-alert',)
    """
    found = [control.entry for control in CONTROLS if _names(control.name, text)]
    found += [entry for pattern, entry in PATTERNS if re.search(pattern, text)]
    kind = KINDS.get(key.partition(":")[0])
    found += [kind] if kind else []
    return tuple(dict.fromkeys(found or [ANY_ALERT]))


def with_runbook(key: str, title: str, body: str) -> str:
    """Return the body of an alert with a line per entry of the runbook."""
    lines = [f"runbook: {RUNBOOK}#{entry}" for entry in entries_of(key, f"{title}\n{body}")]
    return "\n".join([*([body] if body else []), *lines])


def _names(name: str, text: str) -> bool:
    # A name of one common word counts only where it is used as a name.
    pattern = rf"\b{re.escape(name)}\b" if "_" in name else rf"\b{re.escape(name)}: |by {re.escape(name)}\b"
    return re.search(pattern, text) is not None
