"""Stand-in for Merkl: rewards of users with proofs that the local distributor takes."""

from collections.abc import Sequence
from typing import Any

from eth_abi.abi import encode
from eth_utils.address import is_address, to_checksum_address
from eth_utils.crypto import keccak

from alm_localnet.servers.http import Answer, Request

EMPTY_ROOT = "0x" + "00" * 32
_Leaf = tuple[str, str]


class Merkl:
    """Answers like ``https://api.merkl.xyz``.

    :meth:`credit` is what users earn; it is pending until :meth:`publish` makes a tree of it, whose root somebody has
    to write to the distributor.

    Parameters
    ----------
    names
        Name of each chain it serves, by id.
    """

    def __init__(self, names: dict[int, str]) -> None:
        self._names = dict(names)
        self._earned: dict[int, dict[_Leaf, int]] = {chain_id: {} for chain_id in names}
        self._published: dict[int, dict[_Leaf, int]] = {chain_id: {} for chain_id in names}

    def credit(self, chain_id: int, user: str, token: str, amount: int) -> None:
        """Let a user earn raw units of a token."""
        leaf = (to_checksum_address(user), to_checksum_address(token))
        earned = self._earned[chain_id]
        earned[leaf] = earned.get(leaf, 0) + amount

    def publish(self, chain_id: int) -> str:
        """Make a tree of all that was earned on a chain, and return its root."""
        self._published[chain_id] = dict(self._earned[chain_id])
        levels = _levels(_hashes(self._published[chain_id]))
        return "0x" + levels[-1][0].hex() if levels else EMPTY_ROOT

    def answer(self, request: Request) -> Answer:
        """Answer one request."""
        match request.path.strip("/").split("/"):
            case ["v4", "users", user, "rewards"] if is_address(user):
                return self._rewards(to_checksum_address(user), request)
            case ["v4", "users", user, "rewards"]:
                return Answer(status=422, body=_invalid("/address", f"{user} is no address"))
            case _:
                return Answer(status=404, body={"error": "NOT_FOUND"})

    @staticmethod
    def refuse(status: int) -> Any:
        """Body of an error answer."""
        return {"error": "Too Many Requests" if status == 429 else "Internal Server Error"}

    def _rewards(self, user: str, request: Request) -> Answer:
        asked = request.query.get("chainId", "")
        if not asked.isdigit():
            return Answer(status=422, body=_invalid("/chainId", "Expected string to match a number"))
        chain_id = int(asked)
        if request.fault and request.fault.kind == "empty":
            return Answer(body=[])
        found = [self._reward(chain_id, leaf) for leaf in self._earned.get(chain_id, {}) if leaf[0] == user]
        chain = {"id": chain_id, "name": self._names.get(chain_id, ""), "icon": "", "liveCampaigns": 1}
        return Answer(body=[{"chain": chain | {"endOfDisputePeriod": 0}, "rewards": found}] if found else [])

    def _reward(self, chain_id: int, leaf: _Leaf) -> dict[str, Any]:
        published = self._published[chain_id]
        amount = published.get(leaf, 0)
        levels = _levels(_hashes(published))
        return {
            "root": "0x" + levels[-1][0].hex() if levels else EMPTY_ROOT,
            "recipient": leaf[0],
            "amount": str(amount),
            # The real service learns of claims late; ours never does. Only the chain's word counts.
            "claimed": "0",
            "pending": str(self._earned[chain_id][leaf] - amount),
            "proofs": _proof(levels, list(published).index(leaf)) if leaf in published else [],
            "token": {"address": leaf[1], "chainId": chain_id, "symbol": "RWD", "decimals": 18, "price": None},
            "breakdowns": [],
        }


def _hashes(amounts: dict[_Leaf, int]) -> list[bytes]:
    kinds = ("address", "address", "uint256")
    return [bytes(keccak(encode(kinds, (*leaf, amount)))) for leaf, amount in amounts.items()]


def _levels(leaves: Sequence[bytes]) -> list[list[bytes]]:
    """Return all levels of the tree, leaves first; one without a partner moves up as it is."""
    levels = [list(leaves)] if leaves else []
    while levels and len(levels[-1]) > 1:
        below = levels[-1]
        pairs = [below[at : at + 2] for at in range(0, len(below), 2)]
        levels.append([bytes(keccak(b"".join(sorted(pair)))) if len(pair) == 2 else pair[0] for pair in pairs])
    return levels


def _proof(levels: Sequence[Sequence[bytes]], index: int) -> list[str]:
    proof: list[str] = []
    for level in levels[:-1]:
        beside = index ^ 1
        proof += ["0x" + level[beside].hex()] if beside < len(level) else []
        index //= 2
    return proof


def _invalid(place: str, message: str) -> dict[str, str]:
    return {"type": "validation", "on": "query", "property": place, "message": message}
