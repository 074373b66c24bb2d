"""What the signer process answers: a desk of wallets, each with its key and its own rules."""

from collections.abc import Mapping
from typing import Any

from alm_core.model.errors import AlmError, InvalidInput, SignerRefused
from alm_resources.signer.signing import SigningPolicy, fields_of
from alm_resources.signer.standstill import SignerSwitch
from alm_resources.signer.vault import Vault
from alm_resources.signer.wire import (
    AddressRequest,
    AnswerKind,
    SignRequest,
    StandstillRequest,
    message_of,
    request_of,
)


class SignerDesk:
    """Answers requests.

    Parameters
    ----------
    wallets
        Vault and rules by pair.
    switch
        Shared by all of them.
    """

    def __init__(self, wallets: Mapping[str, tuple[Vault, SigningPolicy]], switch: SignerSwitch) -> None:
        self._pairs = {pair: vault.address for pair, (vault, _) in wallets.items()}
        self._wallets = {vault.address.lower(): (vault, policy) for vault, policy in wallets.values()}
        self._switch = switch

    def answer(self, line: bytes) -> dict[str, Any]:
        """Answer one request; whatever is wrong with it is an answer too."""
        try:
            request = request_of(message_of(line))
            if isinstance(request, SignRequest):
                return self._sign(request)
            if isinstance(request, AddressRequest):
                return self._address(request)
            if isinstance(request, StandstillRequest):
                return {"ok": True, "mode": self._switch.set(request.mode, request.reason)}
            return {"ok": True, "pairs": self._pairs, "standstill": self._switch.read()}
        except SignerRefused as error:
            return _no("refused", str(error))
        except InvalidInput as error:
            return _no("bad_request", str(error))
        except AlmError as error:
            return _no("broken", str(error))

    def _sign(self, request: SignRequest) -> dict[str, Any]:
        found = self._wallets.get(request.tx.sender.lower())
        if found is None:
            return _no("refused", f"signer_allow_list: {request.tx.sender:.60} is no wallet of this signer")
        vault, policy = found
        policy.admit(request.tx, vault.address, request.nonce, request.bid, request.fence)
        signed = vault.sign(fields_of(request.tx, request.nonce, request.bid))
        return {"ok": True, "raw": signed.raw, "tx_hash": signed.tx_hash}

    def _address(self, request: AddressRequest) -> dict[str, Any]:
        address = self._pairs.get(request.pair)
        return {"ok": True, "address": address} if address else _no("refused", f"{request.pair:.60} has no wallet here")


def _no(kind: AnswerKind, detail: str) -> dict[str, Any]:
    return {"ok": False, "kind": kind, "detail": detail}
