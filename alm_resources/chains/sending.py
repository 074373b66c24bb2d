"""What a node's answer to a broadcast means. By text, never by code: every client numbers its errors differently.

Only texts that say "these bytes were refused and are nowhere" count as refused. A used nonce does not: the transaction
that used it may be this one. Neither does an underpriced replacement: what it would replace may be this very payload.
Nor does a full pool: it may be another node's pool that takes the bytes.

Texts of geth (also op-geth, BSC, coreth, Bor), Erigon, Reth, Besu, Nethermind, Nitro and anvil, as in chainlink-evm
``pkg/client/errors.go``, Nethermind ``AcceptTxResult``, geth ``core/txpool/errors.go`` and ``core/error.go``.
"""

import re
from collections.abc import Sequence
from enum import StrEnum

_KNOWN = re.compile(
    r"already ?known|\bknown transaction|already imported|already in (?:the )?(?:mem)?pool|existing tx with same hash",
    re.IGNORECASE,
)
_UNDECIDED = re.compile(
    r"nonce too low|nonce is too low|oldnonce|invalid transaction nonce|ownnonce|replace|feetoolowtocompete"
    r"|pool (?:is )?full|queue full|overflow|account limit exceeded|already finalized",
    re.IGNORECASE,
)
_REFUSED = re.compile(
    # The price is below what this node takes at all.
    r"transaction underpriced|gas price (?:is )?below (?:configured )?minimum|gas price too low|feetoolow|fee too low"
    r"|max fee per gas less than block base fee|gas price below current base fee|feecap.*below|tip cap.*below"
    # The wallet cannot pay for it.
    r"|insufficient ?funds|insufficient balance|upfront cost exceeds account balance|not enough funds for gas"
    r"|transaction would cause overdraft"
    # Gas or fee beyond a bound.
    r"|intrinsic gas too low|intrinsic gas exceeds gas limit|exceeds (?:the )?block gas limit|gas ?limit ?exceeded"
    r"|gas limit (?:is )?too (?:high|low)|gas uint64 overflow|exceeds the configured cap|fee cap exceeded"
    # Nodes without a queue refuse a nonce that is not the next one.
    r"|nonce too high|noncegap|nonce ?too ?far ?in ?future|nonce is too distant"
    # Bytes that no node takes.
    r"|max priority fee per gas higher than|max fee per gas higher than|tip higher than fee cap"
    r"|(?:invalid|wrong) chain ?id|chainid not supported|invalid sender|invalid signature|failedtoresolvesender"
    r"|forbidden sender|int256overflow|negative value|only replay-protected|transaction type not supported"
    r"|notsupportedtxtype|oversized data|rlp:|invalid rlp|could not decode|failed to decode signed transaction"
    r"|invalid message format",
    re.IGNORECASE,
)
_OVERFLOW_OF_A_NUMBER = re.compile("gas uint64 overflow|int256overflow", re.IGNORECASE)


class SendVerdict(StrEnum):
    """What became of the bytes."""

    KNOWN = "known"
    """The node has them, now or before."""
    REFUSED = "refused"
    """The node does not take them, and they are not with it."""
    UNKNOWN = "unknown"
    UNSENT = "unsent"
    """Nothing was posted: the endpoint could not be proven to serve the chain."""


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
    if _UNDECIDED.search(message) and not _OVERFLOW_OF_A_NUMBER.search(message):
        return SendVerdict.UNKNOWN
    return SendVerdict.REFUSED if _REFUSED.search(message) else SendVerdict.UNKNOWN


def aggregate_verdict(verdicts: Sequence[SendVerdict]) -> SendVerdict:
    """Return what became of bytes that went to several endpoints.

    One that has them is enough. They are refused only if every endpoint that was posted to refused them: whoever was
    not posted to cannot have them. Where nothing was posted at all, an earlier send may still be out: unknown.

    Examples
    --------
    >>> aggregate_verdict([SendVerdict.REFUSED, SendVerdict.KNOWN]).value
    'known'
    >>> aggregate_verdict([SendVerdict.REFUSED, SendVerdict.UNKNOWN]).value
    'unknown'
    """
    if SendVerdict.KNOWN in verdicts:
        return SendVerdict.KNOWN
    posted = {verdict for verdict in verdicts if verdict is not SendVerdict.UNSENT}
    return SendVerdict.REFUSED if posted == {SendVerdict.REFUSED} else SendVerdict.UNKNOWN
