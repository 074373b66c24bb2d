"""Values as the journal's tables hold them."""

from alm_core.model.transactions import Action, BalanceBound, UnsignedTransaction
from alm_resources.journal.rows import tx_text


def test_a_payload_is_stored_as_one_canonical_text_with_all_digits() -> None:
    """Sorted and without blanks: the same payload is the same text, whatever wrote it."""
    tx = UnsignedTransaction(
        chain_id=8453,
        sender="0xaa",
        to="0xbb",
        data="0x01",
        value_wei=2**255,
        action=Action.SWAP,
        summary="swap",
        bounds=(BalanceBound(token="0xcc", min_delta=-(2**255), max_delta=0),),
    )
    assert tx_text(tx) == (
        '{"action":"swap","adds_token_id":null,"bounds":[{"max_delta":0,"min_delta":-'
        f'{2**255},"token":"0xcc"}}],"chain_id":8453,"closes_token_id":null,"data":"0x01","liquidity_events_from":null,'
        f'"opens_position":false,"sender":"0xaa","spender":null,"summary":"swap","to":"0xbb","value_wei":{2**255}}}'
    )
