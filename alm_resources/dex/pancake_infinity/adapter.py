"""The family as one object."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from alm_resources.dex.pancake_infinity.layout import INFINITY
from alm_resources.dex.uniswap_v4 import Remembered, UniswapV4Adapter

_NOT_KNOWN: Mapping[tuple[int, str], int] = MappingProxyType({})


class PancakeInfinityAdapter(UniswapV4Adapter):
    """Adapter of PancakeSwap Infinity's concentrated pools. Satisfies :class:`alm_core.model.dex_ports.DexAdapter`.

    Parameters
    ----------
    allowed_hooks
        As for Uniswap V4; a pool with a hook is refused all the same, for the permissions in its key are not known.
    first_blocks
        Where the search for positions ends, by chain id and lower-case position manager.
    remembered
        Tells token ids that a wallet was seen to hold.
    """

    def __init__(
        self,
        allowed_hooks: Iterable[str] = (),
        first_blocks: Mapping[tuple[int, str], int] = _NOT_KNOWN,
        remembered: Remembered | None = None,
    ) -> None:
        super().__init__(allowed_hooks, first_blocks, INFINITY, remembered)
