"""``[wallet]`` names an environment variable; a key that somebody wrote into the file is never repeated."""

from pathlib import Path

import pytest

from alm_core.model.errors import ConfigError
from alm_resources.registry import Wallet, load_registry

KEY = "ab12" * 16


def load(tmp_path: Path, text: str) -> Wallet | None:
    overlay = tmp_path / "overlay.toml"
    overlay.write_text(text)
    return load_registry(overlay).wallet


def test_the_built_in_registry_has_no_wallet() -> None:
    assert load_registry().wallet is None


@pytest.mark.parametrize(("line", "usd"), [("", None), ("usd = 250", 250.0), ("usd = 12.5", 12.5)])
def test_a_wallet_is_the_name_of_a_variable_and_a_size(tmp_path: Path, line: str, usd: float | None) -> None:
    assert load(tmp_path, f'[wallet]\nkey_env = "FORK_KEY"\n{line}\n') == Wallet(key_env="FORK_KEY", usd=usd)


def test_a_wallet_is_no_part_of_the_version(tmp_path: Path) -> None:
    overlay = tmp_path / "overlay.toml"
    overlay.write_text('[wallet]\nkey_env = "FORK_KEY"\n')
    assert load_registry(overlay).version == load_registry().version


@pytest.mark.parametrize(
    "text",
    [
        f'[wallet]\nkey_env = "{KEY}"\n',
        f'[wallet]\nkey_env = "0x{KEY}"\n',
        f"[wallet]\nkey_env = 0x{KEY}\n",
        f'[wallet]\nkey_env = "FORK_KEY"\nkey = "0x{KEY}"\n',
        f'[wallet]\nkey_env = "FORK_KEY"\n0x{KEY} = 1\n',
        f'[wallet]\nkey_env = "FORK_KEY"\nusd = "{KEY}"\n',
        f'wallet = "0x{KEY}"\n',
        f'[[wallet]]\nkey_env = "{KEY}"\n',
        f"[wallet]\nkey_env = {KEY}\n",
        "[wallet]\nusd = 5\n",
        '[wallet]\nkey_env = "FORK_KEY"\nusd = 0\n',
        '[wallet]\nkey_env = "FORK_KEY"\nusd = inf\n',
    ],
)
def test_a_wallet_that_cannot_be_used_is_refused_without_showing_what_stands_there(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=r"overlay\.toml") as refused:
        load(tmp_path, text)
    chain: BaseException | None = refused.value
    while chain is not None:
        assert KEY not in str(chain)
        assert str(int(KEY, 16)) not in str(chain)
        chain = chain.__cause__ or (None if chain.__suppress_context__ else chain.__context__)
