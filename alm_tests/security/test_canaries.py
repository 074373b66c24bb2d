"""No secret shows anywhere: planted ones are looked for in all that commands leave behind when all goes wrong."""

import json
import logging
import os
import pickle
import re
import secrets
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from alm_core.model.epochs import EPOCH_LENGTH
from alm_localnet import Localnet, LocalnetConfig
from alm_localnet.pairs import WETH_USDC
from alm_resources.registry import load_registry
from alm_resources.settings import Settings
from alm_resources.world import build_world
from alm_tests.resources.signer.scene import BID, noop, signer_home, signer_process
from alm_tests.security.canaries import Canary, Sink, files_under, found_in
from alm_tests.security.echoing import EchoingServer, echoing

PAIR = "WETH-USDC"
CHAIN = 8453


def token(kind: str) -> str:
    """A secret that no rule for keys in general would know: not hex, not long."""
    return f"Kanari{kind}{secrets.token_hex(3)}Vogel"


@dataclass
class Scene:
    """A home, what is secret in it, and everything that commands said."""

    home: Path
    environment: dict[str, str]
    canaries: list[Canary]
    said: list[Sink] = field(default_factory=list)

    def alm(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[bytes]:
        """Run a command; what it prints is kept."""
        done = subprocess.run(
            [sys.executable, "-m", "alm_cli.main", *arguments],
            env={**self.environment, **more},
            capture_output=True,
            timeout=240,
            check=False,
        )
        self.said.append(Sink(name=f"output of {' '.join(arguments)}", content=done.stdout + done.stderr))
        return done

    def hits(self) -> list[str]:
        return found_in([*self.said, *files_under(self.home)], self.canaries)


class Secrets:
    """One of each kind."""

    def __init__(self) -> None:
        self.rpc, self.service, self.alert = token("Rpc"), token("Svc"), token("Alert")
        self.lifi, self.journal, self.hot_state = token("Lifi"), token("Journal"), token("Redis")

    def canaries(self) -> list[Canary]:
        return [Canary(name=name, secret=secret.encode()) for name, secret in vars(self).items()]


def base_environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ALM_", "DAGSTER_"))}
    return {**kept, "ALM_HOME": str(home), "ALM_PAIRS": PAIR, "ALM_LOG_LEVEL": "DEBUG"}


def overlay_of_echoes(path: Path, url: str, hidden: Secrets) -> Path:
    """The built-in registry with every address replaced by that of a service that echoes, secrets in the path."""
    registry = load_registry()
    lines = ["[meta]", 'mode = "merge"']
    for chain_id in registry.chains:
        private = f'private_rpc = ["{url}/private/{hidden.rpc}"]'
        lines += [f"[chains.{chain_id}]", f'rpc = ["{url}/v2/{hidden.rpc}", "{url}/b/{hidden.rpc}"]', private]
    exchanges = sorted({source.exchange for found in registry.sources.values() for source in found})
    service = f"{url}/{hidden.service}"
    lines += [
        "[services]",
        *(f'{name}_url = "{service}"' for name in ("geckoterminal", "lifi", "dexscreener", "merkl")),
    ]
    lines += ["[services.exchange_urls]", *(f'{exchange} = "{service}"' for exchange in exchanges)]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_the_search_finds_what_is_planted_in_any_shape(tmp_path: Path) -> None:
    import base64
    import gzip
    import sqlite3

    import polars as pl

    key = Canary(name="key", secret=secrets.token_bytes(32))
    word = Canary(name="word", secret=token("X").encode())
    text = word.secret.decode()
    planted: dict[str, bytes] = {
        "raw": b"x" + key.secret + b"y",
        "hex": b"0x" + key.secret.hex().encode(),
        "upper": key.secret.hex().upper().encode(),
        "repr": repr(key.secret).encode(),
        "decimal": str(int.from_bytes(key.secret, "big")).encode(),
        "base64": base64.b64encode(b"ab" + word.secret + b"and more"),
        "base64 alone": base64.b64encode(key.secret),
        "gzip": gzip.compress(b"so " + word.secret),
        "text": f"https://node/v2/{text}/x".encode(),
    }
    for name, content in planted.items():
        (tmp_path / name).write_bytes(content)
    pl.DataFrame({"reason": [f"at {text}"]}).write_parquet(tmp_path / "parquet")
    with sqlite3.connect(tmp_path / "sqlite") as database:
        database.execute("CREATE TABLE told (what TEXT)")
        database.execute("INSERT INTO told VALUES (?)", (text,))
    database.close()
    (tmp_path / "clean").write_bytes(secrets.token_bytes(1000))
    hits = "\n".join(found_in(files_under(tmp_path), [key, word]))
    for name in (*planted, "parquet", "sqlite"):
        assert name in hits
    assert "clean" not in hits


@pytest.fixture(scope="module")
def broken_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Commands where every service fails and repeats what it was asked."""
    folder = tmp_path_factory.mktemp("echo")
    hidden = Secrets()
    home = folder / "home"
    files = signer_home(folder / "keys")
    with echoing() as service:
        overlay = overlay_of_echoes(folder / "registry.toml", service.url, hidden)
        environment = base_environment(home) | {
            "ALM_MODE": "live",
            "ALM_LIVE": "yes",
            "ALM_SIGNER": "keystore",
            "ALM_REGISTRY": str(overlay),
            "ALM_KEYSTORE_DIR": str(files.home),
            "ALM_KEYSTORE_PASSWORD_FILE": str(files.home / "password"),
            "ALM_LIFI_API_KEY": hidden.lifi,
            "ALM_ALERT_URLS": f"file://{home}/alerts.jsonl,json://bot:{hidden.alert}@{service.url[7:]}/{hidden.alert}",
        }
        keys = [Canary(name="key", secret=files.key), Canary(name="password", secret=files.password.encode())]
        yield Scene(home=home, environment=environment, canaries=[*hidden.canaries(), *keys])


def test_nothing_shows_when_every_service_fails_and_repeats_what_it_was_asked(broken_world: Scene) -> None:
    scene = broken_world
    assert scene.alm("epoch", "--json").returncode == 1
    for command in (("status", "--json"), ("doctor", "--json"), ("rewards", "--json"), ("reconcile", "--json")):
        scene.alm(*command)
    assert scene.hits() == []
    assert len(scene.said) == 5
    assert list(scene.home.rglob("*.db"))


def test_nothing_shows_of_stores_that_cannot_be_reached(broken_world: Scene) -> None:
    scene = broken_world
    journal, hot_state = (
        next(c.secret.decode() for c in scene.canaries if c.name == name) for name in ("journal", "hot_state")
    )
    wrong = [
        {"ALM_JOURNAL_URL": f"postgresql+psycopg2://alm:{journal}@127.0.0.1:1/alm"},
        {"ALM_JOURNAL_URL": f"nosuchdb://alm:{journal}@127.0.0.1:1/alm"},
        {"ALM_HOT_STATE_URL": f"redis://:{hot_state}@127.0.0.1:1/0"},
        {"ALM_HOT_STATE_URL": f"nosuch://:{hot_state}@127.0.0.1:1/0"},
    ]
    for more in wrong:
        scene.alm("status", "--json", **more)
    scene.alm("epoch", "--json", **wrong[0], **wrong[2])
    assert scene.hits() == []


def test_nothing_shows_of_settings_and_files_that_are_wrong(broken_world: Scene, tmp_path: Path) -> None:
    scene = broken_world
    text = Path(scene.environment["ALM_REGISTRY"]).read_text()
    changes = [
        text.replace("rpc = [", "rpc = [5, "),
        text.replace("http://", "ftp://"),
        text.replace("rpc = [", "rpk = [", 1),
        text.replace('"', "", 1),
    ]
    for number, changed in enumerate(changes):
        path = tmp_path / f"registry{number}.toml"
        path.write_text(changed)
        assert scene.alm("epoch", ALM_REGISTRY=str(path)).returncode == 2
    wrong = tmp_path / "wrong"
    wrong.write_text("not the password")
    wrong.chmod(0o400)
    for command in (("signer", "--all"), ("signer", "policy", PAIR), ("keystore", PAIR)):
        scene.alm(*command, ALM_KEYSTORE_PASSWORD_FILE=str(wrong))
    assert scene.hits() == []


@pytest.fixture(scope="module")
def working_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Scene, Localnet, EchoingServer]]:
    """A local chain with real contracts behind an endpoint whose key is in its path."""
    folder = tmp_path_factory.mktemp("local")
    hidden, home = Secrets(), folder / "home"
    config = LocalnetConfig(chains=(CHAIN,), pairs=(WETH_USDC,))
    with Localnet(folder / "net", config) as localnet, echoing() as endpoint:
        real = localnet.rpc(CHAIN).url
        endpoint.upstream = real
        text = localnet.registry_file.read_text()
        assert real in text
        localnet.registry_file.write_text(text.replace(real, f"{endpoint.url}/v2/{hidden.rpc}"))
        alert = f"json://bot:{hidden.alert}@{endpoint.url[7:]}/{hidden.alert}"
        environment = base_environment(home) | localnet.env()
        environment |= {"ALM_ALERT_URLS": f"file://{home}/alerts.jsonl,{alert}", "ALM_LIFI_API_KEY": hidden.lifi}
        password = localnet.wallets.password_file.read_text().strip()
        keystore = json.loads((localnet.wallets.keystore_dir / f"{PAIR}.json").read_text())
        key = bytes(Account.decrypt(keystore, password))
        canaries = [
            *hidden.canaries(),
            Canary(name="key", secret=key),
            Canary(name="password", secret=password.encode()),
        ]
        yield Scene(home=home, environment=environment, canaries=canaries), localnet, endpoint


def test_nothing_shows_of_epochs_that_trade_and_of_epochs_that_fail(
    working_world: tuple[Scene, Localnet, EchoingServer], tmp_path: Path
) -> None:
    scene, localnet, endpoint = working_world

    def epoch(**more: str) -> dict[str, object]:
        localnet.advance_to(localnet.now + EPOCH_LENGTH)
        at = localnet.now.isoformat()
        done = scene.alm("epoch", "--pair", PAIR, "--at", at, "--json", **more)
        return json.loads(done.stdout)[0]

    first = epoch()
    assert first["transactions_ok"], first["reason"]
    (scene.home / "signer").mkdir(exist_ok=True)
    (scene.home / "signer" / "HALT").write_text("halt: drill")
    epoch()
    (scene.home / "signer" / "HALT").unlink()
    wrong = tmp_path / "wrong"
    wrong.write_text("not the password")
    wrong.chmod(0o400)
    epoch(ALM_KEYSTORE_PASSWORD_FILE=str(wrong))
    endpoint.upstream = None
    epoch()
    scene.alm("doctor", "--json")
    scene.alm("reconcile", "--json")
    endpoint.upstream = localnet.rpc(CHAIN).url
    scene.alm("status", "--json")
    assert len(scene.said) == 7
    scene.said.append(Sink(name="hot state", content=_hot_state(scene.environment)))
    assert scene.hits() == []


_WHOLE_VALUE = """
local kind = redis.call('TYPE', KEYS[1]).ok
if kind == 'hash' then return redis.call('HGETALL', KEYS[1]) end
if kind == 'zset' then return redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES') end
if kind == 'list' then return redis.call('LRANGE', KEYS[1], 0, -1) end
if kind == 'set' then return redis.call('SMEMBERS', KEYS[1]) end
return redis.call('GET', KEYS[1])
"""


def _hot_state(environment: dict[str, str]) -> bytes:
    """All keys with their values, as the store serves them: its file is packed."""
    world = build_world(Settings.from_env(environment))
    with world.hot_state._connection.command() as redis:
        redis: Any
        found = [(key, redis.eval(_WHOLE_VALUE, 1, key)) for key in redis.eval("return redis.call('KEYS', '*')", 0)]
    assert found
    return repr(found).encode()


def test_nothing_shows_of_the_signer_process(tmp_path: Path) -> None:
    files = signer_home(tmp_path / "keys")
    canaries = [Canary(name="key", secret=files.key), Canary(name="password", secret=files.password.encode())]
    with signer_process(files) as process:
        client = files.client()
        client.sign(noop(files.wallet), 0, BID, fence=1)
        for spoiled in (b"x\n", b'{"op":"sign"}\n', b'{"op":"address","pair":"' + files.password.encode() + b'"}\n'):
            import socket

            with socket.socket(socket.AF_UNIX) as raw:
                raw.connect(str(files.socket))
                raw.sendall(spoiled)
                raw.recv(4096)
        process.terminate()
        said = process.communicate(timeout=10)[0]
    (files.home / "password").unlink()
    sinks = [Sink(name="output", content=said.encode()), *files_under(files.home)]
    assert found_in(sinks, canaries) == []


ERRORS: tuple[Callable[[object], object], ...] = (repr, str, pickle.dumps, vars, lambda held: f"{held:>20}")


def test_objects_that_hold_secrets_do_not_show_them(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    hidden = Secrets()
    files = signer_home(tmp_path / "keys")
    overlay = overlay_of_echoes(tmp_path / "registry.toml", "http://127.0.0.1:1", hidden)
    environment = base_environment(tmp_path / "home") | {
        "ALM_REGISTRY": str(overlay),
        "ALM_MODE": "live",
        "ALM_LIVE": "yes",
        "ALM_SIGNER": "keystore",
        "ALM_KEYSTORE_DIR": str(files.home),
        "ALM_KEYSTORE_PASSWORD_FILE": str(files.home / "password"),
        "ALM_JOURNAL_URL": f"postgresql+psycopg2://alm:{hidden.journal}@127.0.0.1:1/alm",
        "ALM_HOT_STATE_URL": f"redis://:{hidden.hot_state}@127.0.0.1:1/0",
        "ALM_ALERT_URLS": f"json://bot:{hidden.alert}@127.0.0.1:1/{hidden.alert}",
        "ALM_LIFI_API_KEY": hidden.lifi,
    }
    caplog.set_level(logging.DEBUG)
    settings = Settings.from_env(environment)
    world = build_world(settings)
    signer = world.signer_for(PAIR)
    chain = world.chains[CHAIN]
    world.alerts.send("title", "body")
    shown, frames = list[str](), list[str]()
    for held in (
        settings,
        world,
        world.registry,
        world.registry.chain(CHAIN),
        signer,
        world.alerts,
        world.swaps,
        chain,
    ):
        shown += [repr(held), str(held)]
        logging.getLogger("test").debug("held: %r", held)
    for attempt in (
        chain.read_block,
        lambda: world.journal,
        lambda: world.hot_state.read_halt(),  # type: ignore[attr-defined]
        lambda: signer.sign(noop(files.wallet), -1, BID, fence=1),
        lambda: pickle.dumps(signer),
        lambda: pickle.dumps(signer._vault),  # type: ignore[attr-defined]
    ):
        try:
            attempt()
        except Exception as error:
            shown.append("".join(traceback.format_exception(error)))
            frames += _frames(error)
    sinks = [Sink(name="shown", content="\n".join(shown).encode()), Sink(name="log", content=caplog.text.encode())]
    keys = [Canary(name="key", secret=files.key), Canary(name="password", secret=files.password.encode())]
    assert found_in(sinks, [*hidden.canaries(), *keys]) == []
    # Whoever connects has the address of a store in a variable; a key never leaves its closure.
    assert found_in([Sink(name="frames", content="\n".join(frames).encode())], keys) == []
    assert len(shown) > 16
    assert frames


def _frames(error: BaseException | None) -> list[str]:
    """Local variables of our own frames, over the chain of causes; those of the test know everything."""
    shown: list[str] = []
    while error is not None:
        summary = traceback.TracebackException.from_exception(error, capture_locals=True)
        shown += [
            f"{frame.filename}:{frame.name} {frame.locals}"
            for frame in summary.stack
            if re.search(r"/alm_(core|resources|assets|cli)/", frame.filename)
        ]
        error = error.__cause__ or error.__context__
    return shown
