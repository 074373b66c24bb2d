"""One fresh wallet per pair: keystore files, password file, funds on every chain."""

import json
import secrets
from dataclasses import dataclass
from pathlib import Path

from alm_localnet.config import LocalnetConfig
from alm_localnet.deploy import DeployedChain, fund
from alm_localnet.market.world import Market

SCRYPT_N = 2**12
"""Light on purpose: the key guards play money, and every start of a signer pays for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wallets:
    """Addresses by pair, and where their keys lie."""

    addresses: dict[str, str]
    keystore_dir: Path
    password_file: Path


def create_wallets(home: Path, pair_ids: list[str]) -> Wallets:
    """Write a new random key per pair into ``<home>/keystore/<PAIR>.json`` and the password beside them."""
    from eth_account import Account  # slow to import

    keystore_dir, password_file = home / "keystore", home / "keystore.password"
    keystore_dir.mkdir(parents=True, exist_ok=True)
    keystore_dir.chmod(0o700)
    password = secrets.token_hex(16)
    addresses = dict[str, str]()
    for pair_id in pair_ids:
        account = Account.create()
        # A zero byte is cheaper calldata: gas used, and the base fees after it, would differ between two worlds.
        while 0 in bytes.fromhex(account.address[2:]):
            account = Account.create()
        keystore = Account.encrypt(account.key, password, kdf="scrypt", iterations=SCRYPT_N)
        _write_private(keystore_dir / f"{pair_id}.json", json.dumps(keystore), 0o600)
        addresses[pair_id] = str(account.address)
    _write_private(password_file, password, 0o400)
    return Wallets(addresses=addresses, keystore_dir=keystore_dir, password_file=password_file)


def fund_wallets(chain: DeployedChain, wallets: Wallets, config: LocalnetConfig, market: Market, minute: int) -> None:
    """Give each pair's wallet its capital, half in each token, and coins for gas."""
    for pair in config.pairs_on(chain.preset):
        wallet = wallets.addresses[pair.pair_id]
        chain.rpc.call("anvil_setBalance", wallet, hex(int(config.native_coins * 10**18)))
        for symbol in (pair.base, pair.quote):
            units = config.capital_usd / 2 / market.token_usd(symbol, minute)
            fund(chain, symbol, wallet, int(units * 10 ** chain.preset.tokens[symbol].decimals))


def _write_private(path: Path, text: str, mode: int) -> None:
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
