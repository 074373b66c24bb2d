"""Texts of every client's refusal of a broadcast, and the one verdict over several endpoints."""

import itertools

import pytest

from alm_resources.chains.sending import SendVerdict, aggregate_verdict, send_verdict

KNOWN, REFUSED, UNKNOWN, UNSENT = SendVerdict.KNOWN, SendVerdict.REFUSED, SendVerdict.UNKNOWN, SendVerdict.UNSENT

TEXTS: dict[str, dict[str, SendVerdict]] = {
    "geth": {
        "already known": KNOWN,
        "known transaction: 5a5a": KNOWN,
        "nonce too low: next nonce 7, tx nonce 6": UNKNOWN,
        "replacement transaction underpriced": UNKNOWN,
        "future transaction tries to replace pending": UNKNOWN,
        "txpool is full": UNKNOWN,
        "account limit exceeded: pooled 16 txs": UNKNOWN,
        "in-flight transaction limit reached for delegated accounts": UNKNOWN,
        "transaction underpriced": REFUSED,
        "transaction underpriced: gas tip cap 1, minimum needed 1000000": REFUSED,
        "insufficient funds for gas * price + value: balance 0, tx cost 1, overshot 1": REFUSED,
        "insufficient funds for transfer": REFUSED,
        "intrinsic gas too low: gas 20000, minimum needed 21000": REFUSED,
        "exceeds block gas limit": REFUSED,
        "transaction gas limit too high (cap: 16777216, tx: 30000000)": REFUSED,
        "tx fee (1.25 ether) exceeds the configured cap (1.00 ether)": REFUSED,
        "max priority fee per gas higher than max fee per gas: address 0xab": REFUSED,
        "max fee per gas higher than 2^256-1": REFUSED,
        "gas uint64 overflow": REFUSED,
        "invalid sender": REFUSED,
        "negative value": REFUSED,
        "oversized data: transaction size 140000, limit 131072": REFUSED,
        "only replay-protected (EIP-155) transactions allowed over RPC": REFUSED,
        "transaction type not supported": REFUSED,
        "rlp: expected input list for types.DynamicFeeTx": REFUSED,
    },
    "bor (Polygon) and BSC": {
        "transaction gas price below minimum: gas tip cap 1000000000, minimum needed 25000000000": REFUSED,
        "transaction underpriced: gas tip cap 0, minimum needed 50000000": REFUSED,
        "already known": KNOWN,
    },
    "op-geth and op-reth (Base)": {
        "insufficient funds for gas * price + value: balance 5, tx cost 9, l1 cost 3": REFUSED,
        "transaction gas limit too high": REFUSED,
        "already known": KNOWN,
        "nonce too low": UNKNOWN,
    },
    "nitro (Arbitrum)": {
        "nonce too high: address 0xab, tx: 9 state: 7": REFUSED,
        "nonce too low: address 0xab, tx: 6 state: 7": UNKNOWN,
        "invalid transaction nonce": UNKNOWN,
        "max fee per gas less than block base fee: address 0xab, maxFeePerGas: 1 baseFee: 2": REFUSED,
        "sequencer pending tx pool full, please try again": UNKNOWN,
        "queue full": UNKNOWN,
        "gas price too low": REFUSED,
        "not enough funds for gas": REFUSED,
        "forbidden sender address": REFUSED,
        "invalid message format": REFUSED,
    },
    "coreth (Avalanche)": {
        "nonce too low: address 0xab current nonce (7) > tx nonce (6)": UNKNOWN,
        "transaction underpriced: address 0xab have gas tip cap (0) < pool gas tip cap (1)": REFUSED,
        "exceeds block gas limit": REFUSED,
        "already known": KNOWN,
    },
    "HyperEVM": {
        "nonce too high": REFUSED,
        "exceeds block gas limit": REFUSED,
        "max fee per gas less than block base fee": REFUSED,
        "already known": KNOWN,
    },
    "erigon": {
        "INTERNAL_ERROR: existing tx with same hash": KNOWN,
        "block already known": KNOWN,
        "INTERNAL_ERROR: could not replace existing tx": UNKNOWN,
        "replaced by transaction with higher tip": UNKNOWN,
        "pending sub-pool is full": UNKNOWN,
        "PendingPoolOverflow": UNKNOWN,
        "fee too low": REFUSED,
        "gas limit is too high": REFUSED,
    },
    "besu": {
        "Known transaction": KNOWN,
        "Nonce too low": UNKNOWN,
        "Replacement transaction underpriced": UNKNOWN,
        "Transaction nonce is too distant from current sender nonce": REFUSED,
        "Upfront cost exceeds account balance": REFUSED,
        "Intrinsic gas exceeds gas limit": REFUSED,
        "Transaction gas limit exceeds block gas limit": REFUSED,
        "Gas price below configured minimum gas price": REFUSED,
        "Gas price below current base fee": REFUSED,
        "Transaction fee cap exceeded": REFUSED,
        "Wrong chainId": REFUSED,
        "ChainId not supported": REFUSED,
        "Invalid signature": REFUSED,
    },
    "nethermind": {
        "AlreadyKnown": KNOWN,
        "OwnNonceAlreadyUsed": UNKNOWN,
        "OldNonce, Current nonce: 7, nonce of rejected tx: 6": UNKNOWN,
        "ReplacementNotAllowed": UNKNOWN,
        "FeeTooLowToCompete": UNKNOWN,
        "FeeTooLow, MaxFeePerGas too low. MaxFeePerGas: 1, BaseFee: 2, MaxPriorityFeePerGas:0": REFUSED,
        "NonceGap, Future nonce. Expected nonce: 7": REFUSED,
        "NonceTooFarInFuture": REFUSED,
        "InsufficientFunds, Account balance: 0, cumulative cost: 5": REFUSED,
        "GasLimitExceeded, Gas limit: 30000000, gas limit of rejected tx: 40000000": REFUSED,
        "Int256Overflow": REFUSED,
        "FailedToResolveSender": REFUSED,
        "NotSupportedTxType": REFUSED,
    },
    "anvil": {
        "transaction already imported": KNOWN,
        "nonce too low": UNKNOWN,
        "Insufficient funds for gas * price + value": REFUSED,
        "max fee per gas less than block base fee": REFUSED,
        "invalid chain id for signer": REFUSED,
        "max priority fee per gas higher than max fee per gas": REFUSED,
        "intrinsic gas too low": REFUSED,
        "Failed to decode transaction: failed to decode signed transaction": REFUSED,
    },
    "others": {
        "Transaction with the same hash was already imported.": KNOWN,
        "tx already in mempool": KNOWN,
        "transaction already in pool": KNOWN,
        "Transaction nonce is too low. Try incrementing the nonce.": UNKNOWN,
        "Transaction gas price is too low. There is another transaction with same nonce in the queue.": UNKNOWN,
        "transaction already finalized": UNKNOWN,
        "unknown transaction type": UNKNOWN,
        "internal error": UNKNOWN,
        "execution reverted": UNKNOWN,
        "": UNKNOWN,
    },
}


@pytest.mark.parametrize(
    ("message", "verdict"),
    [
        pytest.param(text, verdict, id=f"{client}: {text}")
        for client, texts in TEXTS.items()
        for text, verdict in texts.items()
    ],
)
def test_the_text_of_every_client_is_understood_in_any_case(message: str, verdict: SendVerdict) -> None:
    assert send_verdict(message) is verdict
    assert send_verdict(message.upper()) is verdict
    assert send_verdict(f"rpc error: {message} (code -32000)") is verdict


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ([], UNKNOWN),
        ([KNOWN], KNOWN),
        ([REFUSED], REFUSED),
        ([UNSENT], UNKNOWN),
        ([REFUSED, REFUSED], REFUSED),
        ([REFUSED, UNSENT], REFUSED),
        ([REFUSED, UNKNOWN], UNKNOWN),
        ([UNKNOWN, UNSENT], UNKNOWN),
    ],
)
def test_bytes_are_refused_only_if_everybody_who_was_posted_to_refused_them(
    verdicts: list[SendVerdict], expected: SendVerdict
) -> None:
    assert aggregate_verdict(verdicts) is expected
    assert aggregate_verdict(verdicts[::-1]) is expected


def test_one_endpoint_that_has_the_bytes_is_enough_whatever_the_others_say() -> None:
    for others in itertools.product(SendVerdict, repeat=2):
        assert aggregate_verdict([*others, KNOWN]) is KNOWN
