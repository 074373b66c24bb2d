"""A light keystore, its policy file, and the process of ``alm signer`` over them."""

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from eth_account import Account

from alm_core.execution.allow_list import allow_list_for
from alm_core.execution.erc20 import approve_data
from alm_core.model.transactions import Action, FeeBid, UnsignedTransaction
from alm_resources.signer.policy import PinnedPolicy, policy_text
from alm_resources.signer.socket_client import SocketSigner
from alm_resources.signer.terms import ChainCaps, SigningTerms
from alm_tests.core.execution.test_allow_list import DIAMOND, MANAGER, POOL, mint

PAIR = "WETH-USDC"
BID = FeeBid(gas_limit=300_000, max_fee_per_gas_wei=10**9, max_priority_fee_per_gas_wei=10)
CAP = 10**12
TERMS = SigningTerms(
    allow_list=allow_list_for([POOL], {POOL.chain_id: DIAMOND}),
    chains={
        POOL.chain_id: ChainCaps(max_gas_limit=1_000_000, max_fee_per_gas_wei=50 * 10**9, max_fee_wei=10**16),
    },
    approvals={(POOL.chain_id, token.address.lower()): CAP for token in (POOL.token0, POOL.token1)},
    transactions_per_hour=100_000,
)


def payload(wallet: str, **changes: Any) -> UnsignedTransaction:
    """A mint that the policy admits, with changes."""
    plain = UnsignedTransaction(
        chain_id=POOL.chain_id,
        sender=wallet,
        to=MANAGER,
        data=mint(wallet),
        value_wei=0,
        action=Action.OPEN,
        summary="test",
    )
    return replace(plain, **changes)


def approval(wallet: str, amount: int, spender: str = MANAGER) -> UnsignedTransaction:
    return payload(wallet, to=POOL.token0.address, data=approve_data(spender, amount), action=Action.APPROVE)


def noop(wallet: str) -> UnsignedTransaction:
    return payload(wallet, to=wallet, data="0x", action=Action.NOOP)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignerHome:
    """Files of one signer."""

    home: Path
    wallet: str
    key: bytes
    password: str

    @property
    def socket(self) -> Path:
        return self.home / "s"

    @property
    def halt_file(self) -> Path:
        return self.home / "signer" / "HALT"

    @property
    def state_file(self) -> Path:
        return self.home / "signer" / "state.json"

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "ALM_HOME": str(self.home),
            "ALM_PAIRS": PAIR,
            "ALM_SIGNER_SOCKET": str(self.socket),
            "ALM_KEYSTORE_DIR": str(self.home),
            "ALM_KEYSTORE_PASSWORD_FILE": str(self.home / "password"),
        }

    def client(self, timeout_s: float = 10.0) -> SocketSigner:
        return SocketSigner(self.socket, PAIR, timeout_s=timeout_s)


def signer_home(home: Path, terms: SigningTerms = TERMS, key: bytes | None = None) -> SignerHome:
    """Write a keystore with a light key derivation, its password, and a policy."""
    key, password = key or secrets.token_bytes(32), "canary-" + secrets.token_hex(8)
    wallet = str(Account.from_key(key).address)
    (home / "signer" / "policy").mkdir(parents=True)
    (home / f"{PAIR}.json").write_text(json.dumps(Account.encrypt(key, password, iterations=2**10)))
    (home / "password").write_text(password + "\n")
    (home / "password").chmod(0o400)
    pinned = PinnedPolicy(pair=PAIR, wallet=wallet.lower(), terms=terms)
    (home / "signer" / "policy" / f"{PAIR}.toml").write_text(policy_text(pinned))
    return SignerHome(home=home, wallet=wallet, key=key, password=password)


@contextmanager
def signer_process(files: SignerHome, *more: str, **options: Any) -> Iterator[subprocess.Popen[str]]:
    """Run ``alm signer --all`` until it listens; it is ended afterwards."""
    command = [sys.executable, "-m", "alm_cli.main", "signer", "--all", *more]
    process = subprocess.Popen(
        command, env=files.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("listening"):
                break
        else:
            raise AssertionError(f"the signer ended with {process.wait()}")
        yield process
    finally:
        process.terminate()
        process.wait(10)
        if process.stdout is not None:
            process.stdout.close()


def wait_until(happened: Any, timeout_s: float = 10.0) -> None:
    """Poll without sleeping longer than a moment."""
    end = time.monotonic() + timeout_s
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.01)
