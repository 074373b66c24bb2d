"""Native currency is no token here: it has no transfers to book and no allowance to bound."""

NATIVE_ADDRESSES = frozenset({"0x" + "00" * 20, "0x" + "ee" * 20})
"""What contracts write for native currency (Uniswap V4, aggregators), in lower case; no token lives there."""


def native_refusal(address: str) -> str | None:
    """Say why an address is no token; ``None`` if it may be one.

    Examples
    --------
    >>> native_refusal("0x" + "00" * 20)
    'native currency is not supported: use its wrapped token'
    """
    if address.lower() in NATIVE_ADDRESSES:
        return "native currency is not supported: use its wrapped token"
    return None
