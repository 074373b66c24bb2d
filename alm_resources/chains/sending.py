"""What a node's answer to a broadcast means. By text, never by code: every client numbers its errors differently.

Only texts that say "these bytes were refused and are nowhere" count as refused. A used nonce does not: the transaction
that used it may be this one. Neither does an underpriced replacement: what it would replace may be this very payload.
"""

import re
from enum import StrEnum

_KNOWN = re.compile(
    r"already known|known transaction|alreadyknown|already imported|already in (?:the )?pool",
    re.IGNORECASE,
)
_UNDECIDED = re.compile(r"nonce too low|oldnonce|replacement|pool full|pool is full", re.IGNORECASE)
_REFUSED = re.compile(
    r"transaction underpriced|gas price (?:is )?below minimum|gas price too low|insufficient funds"
    r"|upfront cost exceeds account balance|intrinsic gas too low|exceeds (?:the )?block gas limit"
    r"|gas limit (?:is )?too high|exceeds the configured cap|nonce too high|noncegap"
    r"|max fee per gas less than block base fee|feecap.*below|invalid chain id|wrong chain id"
    r"|max priority fee per gas higher than max fee per gas|tip higher than fee cap|invalid sender|invalid signature"
    r"|transaction type not supported|oversized data|rlp:|could not decode|failed to decode signed transaction",
    re.IGNORECASE,
)


class SendVerdict(StrEnum):
    """What became of the bytes."""

    KNOWN = "known"
    REFUSED = "refused"
    UNKNOWN = "unknown"


def send_verdict(message: str) -> SendVerdict:
    """Classify the error text of ``eth_sendRawTransaction``.

    Examples
    --------
    >>> send_verdict("already known").value, send_verdict("nonce too low: next nonce 5, tx nonce 4").value
    ('known', 'unknown')
    >>> send_verdict("insufficient funds for gas * price + value").value
    'refused'
    """
    if _KNOWN.search(message):
        return SendVerdict.KNOWN
    if _UNDECIDED.search(message):
        return SendVerdict.UNKNOWN
    return SendVerdict.REFUSED if _REFUSED.search(message) else SendVerdict.UNKNOWN
