"""Every field of Li.Fi's quotes that moves money, and how to tamper with it so that the result must be refused."""

import random
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from eth_abi.abi import encode

from alm_resources.lifi.answers import SwapRequest
from alm_tests.resources.lifi import bridge_answers as bridge
from alm_tests.resources.lifi.bridge_answers import REGISTRY, THIEF, USDC, Call

WETH, USDT = REGISTRY.token(1, "WETH"), REGISTRY.token(1, "USDT")
SWAP_FLOOR = 3 * 10**17
SWAP_SLIPPAGE_FRAC = 0.005
_SWAP = "(address,address,address,address,uint256,bytes,bool)"
_HEAD = ("bytes32", "string", "string", "address", "uint256")

Answer = dict[str, Any]
Change = Callable[[random.Random], Answer]


@dataclass(frozen=True, kw_only=True)
class Field:
    """A field by name, the question it belongs to, and what makes a tampered answer of it."""

    name: str
    asked: SwapRequest
    tampered: Change


@dataclass(frozen=True, kw_only=True)
class Hop:
    """One swap inside the calldata of a swap."""

    sold: str
    bought: str
    amount: int
    deposit: bool


@dataclass(frozen=True, kw_only=True)
class SwapCall:
    """Every field of a swap's calldata that is looked at."""

    receiver: str = bridge.OWNER
    minimum: int = SWAP_FLOOR
    hops: tuple[Hop, ...] = (Hop(sold=USDC.address, bought=WETH.address, amount=bridge.SELL_AMOUNT, deposit=True),)
    selector: str | None = None

    def data(self) -> str:
        many = len(self.hops) > 1 if self.selector is None else self.selector == "5fd9ae2e"
        steps = [
            (bridge.FORWARDER, bridge.FORWARDER, one.sold, one.bought, one.amount, b"\x01\x02\x03", one.deposit)
            for one in self.hops
        ]
        values = (b"\x07" * 32, "alm", bridge.ZERO, self.receiver, self.minimum, steps if many else steps[0])
        body = encode((*_HEAD, f"{_SWAP}[]" if many else _SWAP), values)
        return "0x" + (self.selector or ("5fd9ae2e" if many else "4666fc80")) + body.hex()


def swap_asked() -> SwapRequest:
    return SwapRequest(
        sell=USDC,
        buy=WETH,
        sell_amount=bridge.SELL_AMOUNT,
        min_buy_amount=SWAP_FLOOR,
        owner=bridge.OWNER,
        diamond=bridge.DIAMOND,
        slippage_frac=SWAP_SLIPPAGE_FRAC,
    )


def swap_answer(call: SwapCall) -> Answer:
    answer = deepcopy(bridge.answer_of(Call()))
    answer["tool"] = answer["estimate"]["tool"] = "1inch"
    answer["action"] |= {"toChainId": 1, "toToken": bridge.token_answer(WETH), "slippage": SWAP_SLIPPAGE_FRAC}
    answer["estimate"] |= {"toAmount": str(SWAP_FLOOR * 1000 // 995), "toAmountMin": str(SWAP_FLOOR)}
    answer["transactionRequest"]["data"] = call.data()
    return answer


def two_hops() -> SwapCall:
    path = (USDC.address, USDT.address, WETH.address)
    hops = [
        Hop(sold=a, bought=b, amount=bridge.SELL_AMOUNT - n, deposit=n == 0) for n, (a, b) in enumerate(pairwise(path))
    ]
    return SwapCall(hops=tuple(hops))


def other_address(rng: random.Random, right: str) -> str:
    """An address that is not the right one: near it, well known, anybody's, or none at all."""
    near = list(right[2:].lower())
    near[rng.randrange(40)] = rng.choice("0123456789abcdef")
    choices = (
        "0x" + "".join(near),
        f"0x{rng.getrandbits(160):040x}",
        rng.choice((THIEF, bridge.ZERO, USDT.address, bridge.FORWARDER, bridge.DIAMOND, bridge.OWNER)),
    )
    found = rng.choice(choices)
    return found if found.lower() != right.lower() else "0x" + "22" * 20


def other_number(rng: random.Random, right: int, *, bits: int = 256) -> int:
    """A number that is not the right one: next to it, a multiple, a power, or any."""
    near = (right - 1, right + 1, right * 10, right // 10, right * 2, right // 2, 0, 1, 2**bits - 1, right ^ 1)
    found = rng.choice((*near, rng.getrandbits(rng.randrange(1, bits + 1)), 2 ** rng.randrange(bits)))
    return found if found != right and 0 <= found < 2**bits else (right + 3) % 2**bits


def _badly_written(rng: random.Random, right: str) -> Any:
    """The right text, written as nobody may write it."""
    return rng.choice(
        (None, "", right + " ", "-" + right, right[:-1], right + "0", int(right, 0), [right], {"value": right}, True)
    )


def _at(answer: Answer, path: tuple[str, ...], value: Any) -> Answer:
    holder = answer
    for part in path[:-1]:
        holder = holder[part]
    holder[path[-1]] = value
    return answer


def _json_fields(kind: str, asked: SwapRequest, make: Callable[[], Answer]) -> list[Field]:
    """Fields that both kinds of answers have in their JSON."""
    base = make()

    def field(path: tuple[str, ...], value: Callable[[random.Random, Any], Any]) -> Field:
        right = base
        for part in path:
            right = right[part]

        def tampered(rng: random.Random) -> Answer:
            return _at(make(), path, value(rng, right))

        return Field(name=f"{kind} {'.'.join(path)}", asked=asked, tampered=tampered)

    def address(rng: random.Random, right: str) -> Any:
        bad = (None, "", right[:-1], right + "0", right[2:], "0x" + right, 1, [right])
        return other_address(rng, right) if rng.random() < 0.8 else rng.choice(bad)

    def amount(rng: random.Random, right: str) -> Any:
        return str(other_number(rng, int(right))) if rng.random() < 0.8 else _badly_written(rng, right)

    def whole(rng: random.Random, right: int) -> Any:
        bad = (None, str(right), [right], float(right) + 0.5, -right, True if right != 1 else "1")
        return other_number(rng, right, bits=64) if rng.random() < 0.8 else rng.choice(bad)

    def fraction(rng: random.Random, right: float) -> Any:
        return rng.choice((right * 2, right / 2, 1.0, 0.0, -right, right + 1e-9, None, str(right), rng.random()))

    def value(rng: random.Random, _right: str) -> Any:
        return rng.choice((hex(1 + rng.getrandbits(rng.randrange(1, 256))), "0x", "-0x1", None, "1", 1, "1e18"))

    sides = [("action", f"{side}Token", "address") for side in ("from", "to")]
    addresses = [*sides, ("action", "fromAddress"), ("action", "toAddress"), ("estimate", "approvalAddress")]
    addresses += [("transactionRequest", "to"), ("transactionRequest", "from")]
    wholes = [("action", "fromChainId"), ("action", "toChainId"), ("transactionRequest", "chainId")]
    wholes += [("action", f"{side}Token", name) for side in ("from", "to") for name in ("chainId", "decimals")]
    return [
        *(field(path, address) for path in addresses),
        *(field(path, whole) for path in wholes),
        *(field(path, amount) for path in (("action", "fromAmount"), ("estimate", "fromAmount"))),
        field(("action", "slippage"), fraction),
        field(("transactionRequest", "value"), value),
    ]


def _promise_fields(kind: str, asked: SwapRequest, make: Callable[[], Answer], paid: int, most: int) -> list[Field]:
    """What the JSON promises: less than the floor, or more than the calldata pays."""

    def least(rng: random.Random) -> Answer:
        beyond = (asked.min_buy_amount - 1, 0, paid + 1, paid * 2, 2**256 - 1, rng.randrange(asked.min_buy_amount))
        return _at(make(), ("estimate", "toAmountMin"), str(rng.choice(beyond)))

    def expected(rng: random.Random) -> Answer:
        beyond = (
            most + 1,
            most * 12 // 10,
            2**256 - 1,
            paid - 1,
            0,
            rng.randrange(paid),
            most + rng.getrandbits(250) + 1,
        )
        return _at(make(), ("estimate", "toAmount"), str(rng.choice(beyond)))

    return [
        Field(name=f"{kind} estimate.toAmountMin", asked=asked, tampered=least),
        Field(name=f"{kind} estimate.toAmount", asked=asked, tampered=expected),
    ]


def swap_fields() -> list[Field]:
    asked = swap_asked()
    found = _json_fields("swap", asked, lambda: swap_answer(SwapCall()))
    paid = int(swap_answer(SwapCall())["estimate"]["toAmount"])
    # Within what slippage and rounding explain the expected amount is not looked at: it is only shown.
    found += _promise_fields("swap", asked, lambda: swap_answer(SwapCall()), SWAP_FLOOR, paid * 10_001 // 10_000)

    def calldata(name: str, change: Callable[[random.Random, SwapCall], SwapCall]) -> None:
        for kind, base in (("swap", SwapCall()), ("swap of two hops", two_hops())):

            def tampered(rng: random.Random, base: SwapCall = base) -> Answer:
                return swap_answer(change(rng, base))

            found.append(Field(name=f"{kind} calldata {name}", asked=asked, tampered=tampered))

    def hop(call: SwapCall, at: int, **changes: Any) -> SwapCall:
        hops = list(call.hops)
        hops[at] = replace(hops[at], **changes)
        return replace(call, hops=tuple(hops))

    calldata("receiver", lambda rng, call: replace(call, receiver=other_address(rng, bridge.OWNER)))
    calldata(
        "minAmountOut",
        lambda rng, call: replace(call, minimum=rng.choice((0, 1, SWAP_FLOOR - 1, rng.randrange(SWAP_FLOOR)))),
    )
    calldata("minAmountOut beyond", lambda rng, call: replace(call, minimum=paid + 1 + rng.getrandbits(200)))
    calldata("first sendingAssetId", lambda rng, call: hop(call, 0, sold=other_address(rng, USDC.address)))
    calldata("first fromAmount", lambda rng, call: hop(call, 0, amount=other_number(rng, bridge.SELL_AMOUNT)))
    calldata("last receivingAssetId", lambda rng, call: hop(call, -1, bought=other_address(rng, WETH.address)))
    calldata("selector", lambda rng, call: replace(call, selector=f"{rng.getrandbits(32):08x}"))

    def deposits(rng: random.Random) -> Answer:
        flags = rng.choice(((True, True), (False, True), (False, False)))
        call = two_hops()
        return swap_answer(
            replace(call, hops=tuple(replace(o, deposit=f) for o, f in zip(call.hops, flags, strict=True)))
        )

    def broken_path(rng: random.Random) -> Answer:
        call = hop(two_hops(), 1, sold=other_address(rng, USDT.address))
        return swap_answer(call)

    found.append(Field(name="swap of two hops calldata requiresDeposit", asked=asked, tampered=deposits))
    found.append(Field(name="swap of two hops calldata second sendingAssetId", asked=asked, tampered=broken_path))
    return found


def bridge_fields() -> list[Field]:
    asked = bridge.asked_for()
    found = _json_fields("bridge", asked, lambda: bridge.answer_of(Call()))
    found += _promise_fields(
        "bridge", asked, lambda: bridge.answer_of(Call()), bridge.OUTPUT, bridge.OUTPUT * 1_000_002 // 10**6
    )
    par = bridge.SELL_AMOUNT * 10**12

    def calldata(name: str, change: Callable[[random.Random], dict[str, Any]], *, fee: bool = True) -> None:
        for kind, base in (("bridge", Call()), ("bridge with fee", bridge.with_fee()))[: 2 if fee else 1]:

            def tampered(rng: random.Random, base: Call = base) -> Answer:
                # The JSON stays that of the right call.
                return bridge.answer_of(replace(base, **change(rng)), output=bridge.output_of(base))

            found.append(Field(name=f"{kind} calldata {name}", asked=asked, tampered=tampered))

    def both(rng: random.Random) -> dict[str, Any]:
        thief = other_address(rng, bridge.OWNER)
        return {"receiver": thief, "across_receiver": thief}

    def token(rng: random.Random) -> dict[str, Any]:
        other = other_address(rng, USDC.address)
        return {"sending_asset": other, "deposited": other}

    calldata("receiver", both)
    calldata("receiver of Li.Fi", lambda rng: {"receiver": other_address(rng, bridge.OWNER)})
    calldata("receiver of the bridge", lambda rng: {"across_receiver": other_address(rng, bridge.OWNER)})
    calldata(
        "receiver beyond an address",
        lambda rng: {"across_receiver": rng.randbytes(11) + b"\1" + bytes.fromhex(bridge.OWNER[2:])},
    )
    calldata("refundAddress", lambda rng: {"refund": other_address(rng, bridge.OWNER)})
    calldata("sendingAssetId", token)
    calldata("deposited token", lambda rng: {"deposited": other_address(rng, USDC.address)})
    calldata("receivingAssetId", lambda rng: {"receiving_asset": other_address(rng, bridge.USDC_ON_BSC.address)})
    calldata("minAmount", lambda rng: {"min_amount": other_number(rng, bridge.SELL_AMOUNT)}, fee=False)
    calldata(
        "destinationChainId", lambda rng: {"destination_chain": other_number(rng, 56, bits=rng.choice((8, 64, 256)))}
    )
    calldata("hasSourceSwaps", lambda _: {"source_swaps": True}, fee=False)
    calldata("hasDestinationCall", lambda rng: {"destination_call": True, "message": rng.randbytes(rng.randrange(40))})
    calldata("message", lambda rng: {"message": rng.randbytes(rng.randrange(1, 80))})
    calldata(
        "bridge",
        lambda rng: {
            "bridge": rng.choice(("stargate", "relay", "", "Across", "across ", "\0across", rng.randbytes(6).hex()))
        },
    )
    calldata("selector", lambda rng: {"selector": f"{rng.getrandbits(32):08x}"}, fee=False)
    calldata(
        "fillDeadline",
        lambda rng: {"fill_deadline": rng.choice((0, bridge.QUOTED_S, bridge.QUOTED_S + 21_601, 2**32 - 1))},
    )
    calldata(
        "exclusivityDeadline",
        lambda rng: {"exclusivity": rng.choice((3_601, 14_401, 31_536_000, bridge.QUOTED_S + 3_601, 2**32 - 1))},
    )
    calldata(
        "outputAmount",
        lambda rng: {
            "output_amount": rng.choice(
                (
                    0,
                    1,
                    bridge.OUTPUT - 1,
                    bridge.FLOOR - 1,
                    rng.randrange(bridge.OUTPUT),
                    par * 1001 // 1000 + 1,
                    2**256 - 1,
                )
            )
        },
        fee=False,
    )
    return found + _fee_fields(asked)


def _fee_fields(asked: SwapRequest) -> list[Field]:
    right = bridge.with_fee()
    fee = bridge.SELL_AMOUNT - right.min_amount

    def field(name: str, change: Callable[[random.Random], dict[str, Any]]) -> Field:
        def tampered(rng: random.Random) -> Answer:
            return bridge.answer_of(replace(right, **change(rng)), output=bridge.output_of(right))

        return Field(name=f"bridge with fee calldata {name}", asked=asked, tampered=tampered)

    def swaps(**changes: Any) -> dict[str, Any]:
        return {
            "swaps": (bridge.fee_step(changes.pop("fee", fee), changes.pop("amount", bridge.SELL_AMOUNT), **changes),)
        }

    def dearer(rng: random.Random) -> dict[str, Any]:
        # All agrees, and far too much goes to the service.
        taken = rng.randrange(fee + 10**6, bridge.SELL_AMOUNT)
        return {"min_amount": bridge.SELL_AMOUNT - taken, **swaps(fee=taken)}

    return [
        field(
            "multiplier",
            lambda rng: {
                "multiplier": rng.choice((0, 1, right.multiplier * 99 // 100, right.multiplier * 2, 2**128 - 1))
            },
        ),
        field("minAmount", lambda rng: {"min_amount": other_number(rng, right.min_amount)}),
        field("fee", lambda rng: swaps(fee=other_number(rng, fee, bits=64))),
        field("whole fee", dearer),
        field("fee fromAmount", lambda rng: swaps(amount=other_number(rng, bridge.SELL_AMOUNT))),
        field("fee sendingAssetId", lambda rng: swaps(sold=other_address(rng, USDC.address))),
        field("fee receivingAssetId", lambda rng: swaps(bought=other_address(rng, USDC.address))),
        field("fee approveTo", lambda rng: swaps(rights=other_address(rng, bridge.FORWARDER))),
        field("fee requiresDeposit", lambda _: swaps(deposit=False)),
        field("fee token", lambda rng: swaps(call=bridge.fee_call([(THIEF, fee)], other_address(rng, USDC.address)))),
        field(
            "fee selector",
            lambda rng: swaps(call=bridge.fee_call([(THIEF, fee)], selector=f"{rng.getrandbits(32):08x}")),
        ),
        field(
            "number of swaps",
            lambda rng: {"swaps": tuple(bridge.fee_step(fee // 2) for _ in range(rng.choice((0, 2, 3))))},
        ),
    ]


def all_fields() -> dict[str, Field]:
    """Every field by name."""
    return {one.name: one for one in (*swap_fields(), *bridge_fields())}


def right_answers(rng: random.Random) -> list[tuple[SwapRequest, Answer]]:
    """Answers nobody tampered with, with other amounts each time."""
    amount = rng.randrange(10**6, 10**13)
    found: list[tuple[SwapRequest, Answer]] = []
    for call in (SwapCall(), two_hops()):
        minimum = rng.randrange(10**6, 10**22)
        hops = tuple(replace(one, amount=amount - n) for n, one in enumerate(call.hops))
        answer = swap_answer(replace(call, minimum=minimum, hops=hops))
        answer["action"]["fromAmount"] = answer["estimate"]["fromAmount"] = str(amount)
        answer["estimate"] |= {"toAmount": str(minimum * 1000 // 995), "toAmountMin": str(minimum)}
        floor = minimum - rng.randrange(minimum // 100 + 1)
        found.append((replace(swap_asked(), sell_amount=amount, min_buy_amount=floor or 1), answer))
    output = (amount - rng.randrange(amount // 200 + 1)) * 10**12
    plain = replace(Call(), min_amount=amount, output_amount=output)
    fee = amount // 400
    multiplier = output * 10**18 // amount
    paid = bridge.with_fee(min_amount=amount - fee, multiplier=multiplier, swaps=(bridge.fee_step(fee, amount),))
    for call in (plain, paid):
        answer = bridge.answer_of(call)
        answer["action"]["fromAmount"] = answer["estimate"]["fromAmount"] = str(amount)
        floor = bridge.output_of(call) - rng.randrange(10**9)
        found.append((replace(bridge.asked_for(), sell_amount=amount, min_buy_amount=floor), answer))
    return found
