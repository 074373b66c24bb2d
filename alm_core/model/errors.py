"""Errors of the house. Every message names what and where, and carries the offending value."""


class AlmError(Exception):
    """Root of every error raised on purpose by this project."""


class InvalidInput(AlmError, ValueError):
    """A value from outside (candle, pool figure, configuration, argument) that must not be used."""


class ConfigError(InvalidInput):
    """Configuration or registry entry that cannot be used; names file, key and value."""


class SourceError(AlmError):
    """An outside source did not give a usable answer.

    Parameters
    ----------
    source
        Name a person recognises, for example ``binance`` or ``rpc:8453``.
    detail
        What happened, without secrets.
    """

    def __init__(self, source: str, detail: str) -> None:
        super().__init__(f"{source}: {detail}")
        self.source = source
        self.detail = detail


class SourceUnavailable(SourceError):
    """The source is down, too slow, or limits us. Trying later may help."""


class SourceRejected(SourceError):
    """The source answered, and the answer is a refusal that trying again will not change."""


class BadAnswer(SourceError, ValueError):
    """The source answered with something that cannot be true or cannot be read."""


class WrongChain(SourceRejected):
    """An RPC endpoint serves another chain id than the registry says."""


class PoolNotFound(AlmError, LookupError):
    """No pool at that address, or not the pool the registry describes."""


class TransactionWouldRevert(AlmError):
    """Simulation says the transaction reverts; it was not signed."""


class TransactionReverted(AlmError):
    """A mined transaction reverted or did not have the effects it was planned for."""


class OutcomeUnknown(AlmError):
    """A transaction may or may not have landed. Unknown is not failed: ask the chain, never send anew."""


class LimitExceeded(AlmError):
    """The limits engine refuses the transaction or plan; names the limit, its bound and the value."""


class GasReserveShort(LimitExceeded):
    """The wallet has not enough native coin for a transaction at its bid; nothing was sent."""


class NotReconciled(AlmError):
    """Books and chain disagree; trading on that chain stops until a person has looked."""


class PositionChanged(NotReconciled):
    """A position is not what the plan was made for; nothing was sent for this step."""


class NotLeading(AlmError):
    """The wallet is led by another process, or nobody knows: nothing is begun; what is in flight is watched."""


class SignerRefused(AlmError):
    """The signer does not sign this payload."""


class JournalBroken(AlmError):
    """The journal cannot be read or written; names the database and what to do. Nothing is signed or sent after it."""


class HistoryCorrupted(AlmError):
    """A file of the recorded history cannot be read; names the file. It is never taken for an absent value."""


class IllegalStep(AlmError):
    """An intent was asked to take a step its state does not allow; nothing was changed."""
