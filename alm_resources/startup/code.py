"""Code of contracts as a chain has it, proxies with what they point to, in three calls whatever their number.

Code of our own stands for the length of one ``eth_call`` where nothing is, and tells ``EXTCODEHASH`` of others; or it
stands at the contracts themselves and reads their storage. Nodes that cannot do that refuse, or give an answer that is
not one of ours.
"""

from collections.abc import Sequence

from eth_utils.crypto import keccak

from alm_core.model.chain_ports import Call, ChainClient
from alm_core.model.errors import BadAnswer
from alm_core.model.market import Block
from alm_core.model.startup import ContractCode
from alm_resources.chains.multicall import aggregate_data, decoded_results

_SCRATCH = "0x00000000000000000000000000000000A1300001"
# for (i = 0; i < calldatasize; i += 32) mstore(i, extcodehash(calldataload(i))); return(0, calldatasize)
_CODE_HASHES = bytes.fromhex("60005b368110600e57366000f3005b80353f8152602001600256")
# The same with sload: storage of the contract that the code stands at.
_STORAGE = bytes.fromhex("60005b368110600e57366000f3005b8035548152602001600256")
SLOTS = (
    *(int.from_bytes(keccak(text=f"eip1967.proxy.{name}"), "big") - 1 for name in ("implementation", "beacon")),
    # FiatTokenProxy of Circle; UChildERC20Proxy of Polygon; EIP-1822.
    *(
        int.from_bytes(keccak(text=name), "big")
        for name in ("org.zeppelinos.proxy.implementation", "matic.network.proxy.implementation", "PROXIABLE")
    ),
)
"""Where proxies keep the address of their implementation."""
_NO_ACCOUNT, _NO_CODE = "0x" + "00" * 32, "0x" + keccak(b"").hex()


def read_code(chain: ChainClient, multicall3: str, addresses: Sequence[str], block: Block) -> tuple[ContractCode, ...]:
    """Read code hashes of contracts, and of what those point to that are proxies.

    Raises
    ------
    SourceRejected, SourceUnavailable, BadAnswer
        If the node does not tell. That is never "as before".
    """
    own = sorted({address.lower() for address in addresses})
    hashes = _hashes(chain, own, block)
    targets = _targets(chain, multicall3, own, block)
    pointed = sorted({target for target in targets.values() if target})
    behind = dict(zip(pointed, _hashes(chain, pointed, block), strict=True)) if pointed else {}
    return tuple(
        ContractCode(
            chain_id=chain.chain_id,
            address=address,
            code_hash=code_hash,
            implementation=targets[address],
            implementation_hash=behind.get(targets[address] or ""),
        )
        for address, code_hash in zip(own, hashes, strict=True)
    )


def is_contract(code: ContractCode) -> bool:
    """Whether there is code at an address at all."""
    return code.code_hash not in (_NO_ACCOUNT, _NO_CODE)


def changes_of(pinned: ContractCode, now: ContractCode) -> str | None:
    """Say what changed in a contract since it was pinned; ``None`` if nothing did."""
    if pinned.code_hash != now.code_hash:
        return f"code of {now.address} was {pinned.code_hash} and is {now.code_hash}"
    if pinned.implementation != now.implementation:
        return f"proxy {now.address} pointed to {pinned.implementation} and points to {now.implementation}"
    if pinned.implementation_hash != now.implementation_hash:
        was, found = pinned.implementation_hash, now.implementation_hash
        return f"code of {now.implementation} behind proxy {now.address} was {was} and is {found}"
    return None


def _hashes(chain: ChainClient, addresses: Sequence[str], block: Block) -> list[str]:
    words = _asked(chain, _SCRATCH, b"".join(_word(address) for address in addresses), {_SCRATCH: _CODE_HASHES}, block)
    return ["0x" + words[at : at + 32].hex() for at in range(0, len(words), 32)]


def _targets(chain: ChainClient, multicall3: str, addresses: Sequence[str], block: Block) -> dict[str, str | None]:
    """Return what each contract points to where it is a proxy."""
    # Multicall3 makes the calls: its own code has to stay, and it is no proxy.
    others = [address for address in addresses if address != multicall3.lower()]
    wanted = b"".join(slot.to_bytes(32, "big") for slot in SLOTS)
    data = aggregate_data([Call(target=one, data=wanted) for one in others])
    result = chain.read_with_code(Call(target=multicall3, data=data), dict.fromkeys(others, _STORAGE), block)
    source = f"code of contracts of chain {chain.chain_id}"
    answers = decoded_results(result.data, source) if result.succeeded else ()
    if len(answers) != len(others) or any(len(answer.data) != len(wanted) for answer in answers):
        raise BadAnswer(source, "the node ran no call with code overrides")
    found: dict[str, str | None] = dict.fromkeys(addresses)
    for address, answer in zip(others, answers, strict=True):
        words = (answer.data[at : at + 32] for at in range(0, len(answer.data), 32))
        found[address] = next(("0x" + word[12:].hex() for word in words if any(word)), None)
    return found


def _asked(chain: ChainClient, target: str, data: bytes, code: dict[str, bytes], block: Block) -> bytes:
    result = chain.read_with_code(Call(target=target, data=data), code, block)
    if not result.succeeded or len(result.data) != len(data) or not any(result.data):
        raise BadAnswer(f"code of contracts of chain {chain.chain_id}", "the node ran no call with code overrides")
    return result.data


def _word(address: str) -> bytes:
    return bytes(12) + bytes.fromhex(address.removeprefix("0x"))
