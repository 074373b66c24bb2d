"""Li.Fi's quote, read strictly and held field by field against what was asked."""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from alm_core.model.errors import BadAnswer
from alm_core.model.pools import Token
from alm_resources.lifi.calldata import SOURCE, GenericSwap, decode_generic_swap

MAX_UINT256 = 2**256 - 1


def _amount(value: object) -> int:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,78}", value) and int(value) <= MAX_UINT256:
        return int(value)
    raise ValueError("must be a whole number below 2^256 in a string")


def _quantity(value: object) -> int:
    # Both forms occur on the wire.
    if isinstance(value, str) and re.fullmatch(r"0x[0-9a-fA-F]{1,64}", value):
        return int(value, 16)
    return _amount(value)


Amount = Annotated[int, BeforeValidator(_amount)]
Quantity = Annotated[int, BeforeValidator(_quantity)]


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, alias_generator=to_camel)


class TokenAnswer(_Answer):
    """A token as Li.Fi describes it."""

    address: str
    chain_id: int
    decimals: int


class ActionAnswer(_Answer):
    """What Li.Fi understood."""

    from_chain_id: int
    to_chain_id: int
    from_token: TokenAnswer
    to_token: TokenAnswer
    from_amount: Amount
    from_address: str
    to_address: str
    slippage: Annotated[float, Field(ge=0, le=1)]


class EstimateAnswer(_Answer):
    """What Li.Fi expects to come out."""

    from_amount: Amount
    to_amount: Amount
    to_amount_min: Amount
    approval_address: str
    execution_duration: Annotated[float, Field(ge=0, le=604_800)] | None = None
    """Seconds until what was sent arrives."""


class TransactionAnswer(_Answer):
    """The transaction to sign. Its gas fields are not read: gas is priced by us."""

    to: str
    sender: Annotated[str, Field(alias="from")]
    chain_id: int
    value: Quantity
    data: str


class StepAnswer(_Answer):
    """Answer of ``/quote``."""

    # It goes into summaries that are stored: a database takes no NUL, a terminal no control characters.
    tool: Annotated[str, Field(pattern="^[ -~]{1,64}$")]
    action: ActionAnswer
    estimate: EstimateAnswer
    transaction_request: TransactionAnswer


@dataclass(frozen=True, slots=True, kw_only=True)
class SwapRequest:
    """What was asked, and where the diamond is; of two chains where it is a bridge."""

    sell: Token
    buy: Token
    sell_amount: int
    min_buy_amount: int
    owner: str
    diamond: str
    slippage_frac: float

    @property
    def crosses(self) -> bool:
        """Whether it goes to another chain."""
        return self.sell.chain_id != self.buy.chain_id


def read_step(body: object) -> StepAnswer:
    """Read the answer's shape.

    Raises
    ------
    BadAnswer
        Naming the field and its value.
    """
    try:
        return StepAnswer.model_validate(body)
    except ValidationError as error:
        first = error.errors()[0]
        path = ".".join(str(part) for part in first["loc"]) or "body"
        raise BadAnswer(SOURCE, f"{path} = {first['input']!r:.80}: {first['msg']}") from error


def check_step(step: StepAnswer, asked: SwapRequest) -> GenericSwap:
    """Refuse a quote that would not do exactly what was asked, and return its decoded calldata.

    Raises
    ------
    BadAnswer
        Naming the field, its value and the value that was asked for.
    """
    check_action(step.action, asked)
    check_transaction(step, asked)
    swap = decode_generic_swap(step.transaction_request.data)
    _check_calldata(swap, asked)
    _check_amounts(step.estimate, swap, asked)
    return swap


def check_action(action: ActionAnswer, asked: SwapRequest) -> None:
    """Refuse an answer to another question than ours; ``BadAnswer`` names the field."""
    for side, chain_id, told, token in (
        ("from", action.from_chain_id, action.from_token, asked.sell),
        ("to", action.to_chain_id, action.to_token, asked.buy),
    ):
        same(f"action.{side}ChainId", chain_id, token.chain_id)
        same_address(f"action.{side}Token.address", told.address, token.address)
        same(f"action.{side}Token.chainId", told.chain_id, token.chain_id)
        same(f"action.{side}Token.decimals", told.decimals, token.decimals)
    same("action.fromAmount", action.from_amount, asked.sell_amount)
    same_address("action.fromAddress", action.from_address, asked.owner)
    same_address("action.toAddress", action.to_address, asked.owner)
    same("action.slippage", action.slippage, asked.slippage_frac)


def check_transaction(step: StepAnswer, asked: SwapRequest) -> None:
    """Refuse a transaction that is not one of our wallet with the diamond; ``BadAnswer`` names the field."""
    tx = step.transaction_request
    same_address("transactionRequest.to", tx.to, asked.diamond)
    same_address("transactionRequest.from", tx.sender, asked.owner)
    same("transactionRequest.chainId", tx.chain_id, asked.sell.chain_id)
    same("transactionRequest.value", tx.value, 0)
    same_address("estimate.approvalAddress", step.estimate.approval_address, asked.diamond)


def _check_calldata(swap: GenericSwap, asked: SwapRequest) -> None:
    first, last = swap.steps[0], swap.steps[-1]
    same_address("calldata receiver", swap.receiver, asked.owner)
    same_address("calldata first sendingAssetId", first.sending_asset, asked.sell.address)
    same("calldata first fromAmount", first.from_amount, asked.sell_amount)
    same_address("calldata last receivingAssetId", last.receiving_asset, asked.buy.address)
    for number, (before, after) in enumerate(zip(swap.steps, swap.steps[1:], strict=False), start=2):
        same_address(f"calldata sendingAssetId of step {number}", after.sending_asset, before.receiving_asset)
        # Every step with the flag pulls its amount from the wallet.
        same(f"calldata requiresDeposit of step {number}", after.requires_deposit, False)
    if len(swap.steps) > 1:
        same("calldata requiresDeposit of step 1", first.requires_deposit, True)
    at_least("calldata minAmountOut", swap.min_amount_out, asked.min_buy_amount)


def _check_amounts(estimate: EstimateAnswer, swap: GenericSwap, asked: SwapRequest) -> None:
    same("estimate.fromAmount", estimate.from_amount, asked.sell_amount)
    at_least("estimate.toAmount", estimate.to_amount, estimate.to_amount_min)
    at_least("estimate.toAmountMin", estimate.to_amount_min, asked.min_buy_amount)
    at_least("calldata minAmountOut", swap.min_amount_out, estimate.to_amount_min)
    at_least("estimate.toAmount", estimate.to_amount, swap.min_amount_out)
    # A minimum further below the expected amount than the slippage we allowed is not what we asked for. The millionth
    # covers their float arithmetic.
    allowed = estimate.to_amount * (1 - Decimal(str(asked.slippage_frac)) - Decimal("1e-6"))
    at_least("estimate.toAmountMin", estimate.to_amount_min, int(allowed) - 1)


def same(field: str, value: object, expected: object) -> None:
    """Refuse a field that is not what was asked for."""
    if value != expected:
        raise BadAnswer(SOURCE, f"{field} is {value!r}, asked for {expected!r}")


def same_address(field: str, value: str, expected: str) -> None:
    """Refuse an address that is another one; case is not looked at."""
    if value.lower() != expected.lower():
        raise BadAnswer(SOURCE, f"{field} is {value!r:.80}, must be {expected}")


def at_least(field: str, value: int, floor: int) -> None:
    """Refuse an amount below a floor."""
    if value < floor:
        raise BadAnswer(SOURCE, f"{field} is {value}, must be at least {floor}")
