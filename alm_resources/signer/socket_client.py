"""The planner's side of the signer process: satisfies the ``Signer`` port without a key anywhere near."""

import socket
from pathlib import Path
from typing import Any, NoReturn

from alm_core.model.books import StandstillMode
from alm_core.model.errors import BadAnswer, InvalidInput, SignerRefused, SourceUnavailable
from alm_core.model.transactions import FeeBid, SignedTransaction, UnsignedTransaction
from alm_resources.signer.wire import MAX_MESSAGE_BYTES, line_of, message_of, sign_message

TIMEOUT_S = 10.0
_SOURCE = "signer"


class SocketSigner:
    """Signer of one pair's wallet in another process.

    A signer that does not answer is :class:`SourceUnavailable` before anything was sent: the intent keeps its nonce
    and is run again, and the same payload is signed again for the same nonce.

    Parameters
    ----------
    path
        Socket of ``alm signer``.
    pair_id
        Whose wallet it is.
    timeout_s
        For connecting, and for each wait.
    """

    __slots__ = ("_address", "_pair_id", "_path", "_timeout_s")

    def __init__(self, path: Path, pair_id: str, *, timeout_s: float = TIMEOUT_S) -> None:
        self._path = path
        self._pair_id = pair_id
        self._timeout_s = timeout_s
        self._address: str | None = None

    @property
    def address(self) -> str:
        """Checksummed address, asked of the signer once.

        Raises
        ------
        SourceUnavailable
            If it does not answer.
        SignerRefused
            If it has no wallet of the pair.
        """
        if self._address is None:
            self._address = _text(self._ask({"op": "address", "pair": self._pair_id}), "address")
        return self._address

    def sign(self, tx: UnsignedTransaction, nonce: int, bid: FeeBid, *, fence: int) -> SignedTransaction:
        """Have a transaction signed, and check that the answer is signed by the wallet.

        Raises
        ------
        SignerRefused
            With the signer's reason.
        SourceUnavailable
            If it does not answer.
        BadAnswer
            If what it answers is no signature of the wallet.
        """
        answer = self._ask(sign_message(tx, nonce, bid, fence))
        signed = SignedTransaction(raw=_text(answer, "raw"), tx_hash=_text(answer, "tx_hash"))
        _refuse_foreign(signed, self.address)
        return signed

    def stand_still(self, mode: StandstillMode, reason: str) -> StandstillMode:
        """Stop the signer, or let it sign withdrawals only; returns the mode in force. It is lifted at the signer."""
        mode_now = _text(self._ask({"op": "standstill", "mode": mode, "reason": reason}), "mode")
        return "withdraw_only" if mode_now == "withdraw_only" else "halt"

    def read_status(self) -> dict[str, Any]:
        """Ask for pairs, addresses and what stands still."""
        return self._ask({"op": "status"})

    def __repr__(self) -> str:
        return f"SocketSigner(pair={self._pair_id}, socket={self._path})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a signer cannot be pickled")

    def _ask(self, message: dict[str, Any]) -> dict[str, Any]:
        line = line_of(message)
        if len(line) > MAX_MESSAGE_BYTES:
            raise SignerRefused(f"a payload of {len(line)} bytes is longer than a signer reads")
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(self._timeout_s)
                connection.connect(str(self._path))
                connection.sendall(line)
                with connection.makefile("rb") as reader:
                    said = reader.readline(MAX_MESSAGE_BYTES + 1)
        except OSError as error:
            why = f"no answer on {self._path} ({type(error).__name__}); is it running? start it with: alm signer --all"
            raise SourceUnavailable(_SOURCE, why) from error
        if not said.endswith(b"\n"):
            raise SourceUnavailable(_SOURCE, f"hung up on {self._path} before it had answered")
        return _answered(said)


def _answered(line: bytes) -> dict[str, Any]:
    try:
        answer = message_of(line)
    except InvalidInput as error:
        raise BadAnswer(_SOURCE, str(error)) from error
    if answer.get("ok") is True:
        return answer
    detail = str(answer.get("detail"))
    if answer.get("kind") == "broken":
        raise SourceUnavailable(_SOURCE, detail)
    raise SignerRefused(detail)


def _text(answer: dict[str, Any], name: str) -> str:
    value = answer.get(name)
    if not isinstance(value, str):
        raise BadAnswer(_SOURCE, f"an answer without {name}")
    return value


def _refuse_foreign(signed: SignedTransaction, wallet: str) -> None:
    from eth_utils.crypto import keccak

    from alm_resources.signer.vault import account_library

    try:
        raw = bytes.fromhex(signed.raw.removeprefix("0x"))
        sender = str(account_library().recover_transaction(raw))
    except Exception as error:  # whatever the library finds wrong with bytes that are no transaction
        raise BadAnswer(_SOURCE, f"no signed transaction: {type(error).__name__}") from error
    if sender.lower() != wallet.lower() or "0x" + keccak(raw).hex() != signed.tx_hash:
        raise BadAnswer(_SOURCE, f"a transaction of {sender} with hash {signed.tx_hash}, not of {wallet}")
