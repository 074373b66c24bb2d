"""Executors in processes of their own: one races for the last of a cap, one signs without end until it is stopped."""

import sys
from dataclasses import replace
from multiprocessing.synchronize import Barrier, Event

from alm_core.execution.engine import TransactionEngine
from alm_core.model.config import LimitsConfig
from alm_core.model.errors import AlmError
from alm_resources.journal import SqlJournal
from alm_tests.core.execution.fakes import FakeChain, FakeSigner
from alm_tests.core.execution.guarded import guard_of, intent_of, spending_tx

USD = 10**6
HALF = LimitsConfig(max_day_spend_frac=0.5, max_day_turnover_frac=0.5, max_epoch_turnover_frac=0.5)
"""15,000 USD a day."""


def race(url: str, number: int, usd: int, ready: Barrier, rounds: int) -> None:
    """Each round spend from a wallet of one's own, at the same time as the others."""
    journal, chain, signer = SqlJournal(url), FakeChain(), FakeSigner()
    signer.address = f"0x{number:040x}"
    for turn in range(rounds):
        limits = replace(HALF, max_day_spend_frac=0.5 * (turn + 1), max_day_turnover_frac=0.5 * (turn + 1))
        limits = replace(limits, max_epoch_turnover_frac=0.5 * (turn + 1))
        guard = guard_of(journal, limits, wallet=signer.address)
        engine = TransactionEngine(journal, chain, signer, guard, receipt_timeout_s=1.0, fence=0)
        intent = intent_of(spending_tx(usd * USD, wallet=signer.address), turn, plan=f"process {number}")
        journal.add_intents([intent])
        ready.wait(60)
        try:
            engine.run(intent)
        except AlmError as error:
            sys.stderr.write(f"{number}: {error}\n")
        ready.wait(60)
    journal.close()


def sign_without_end(url: str, begun: Event) -> None:
    """Sign one small transaction after the other until one is refused."""
    journal, chain = SqlJournal(url), FakeChain()
    for number in range(100_000):
        guard = guard_of(journal, LimitsConfig(max_day_gas_usd=1e9, max_gas_value_frac=1e9))
        engine = TransactionEngine(journal, chain, FakeSigner(), guard, receipt_timeout_s=1.0, fence=0)
        intent = intent_of(spending_tx(1), number, plan=f"plan {number}")
        journal.add_intents([intent])
        try:
            engine.run(intent)
        except AlmError as error:
            sys.stderr.write(f"stopped: {error}\n")
            break
        if number == 5:
            begun.set()
    journal.close()
