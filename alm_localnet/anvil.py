"""One local EVM node as a child process."""

import atexit
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from alm_core.model.errors import SourceUnavailable
from alm_localnet import tether
from alm_localnet.rpc import RpcClient

START_TIMEOUT_S = 20.0
START_ATTEMPTS = 3


class AnvilNode:
    """A running ``anvil``: own process group, silent, automine, killed with this process.

    Parameters
    ----------
    binary
        The platform binary.
    chain_id
        Chain id it answers with.
    genesis_s
        Timestamp of block 0, seconds.
    base_fee_wei
        Base fee of the first block.
    log_dir
        Where its error output and state cache go.

    Notes
    -----
    Create it in a thread that lives as long as the node: Linux ties a child to the thread that started it.
    """

    def __init__(self, binary: Path, chain_id: int, genesis_s: int, base_fee_wei: int, log_dir: Path) -> None:
        self.chain_id = chain_id
        self._log = log_dir / f"anvil-{chain_id}.log"
        self._options = [
            *("--host", "127.0.0.1", "--chain-id", str(chain_id), "--timestamp", str(genesis_s)),
            *("--block-base-fee-per-gas", str(base_fee_wei), "--gas-limit", "60000000"),
            *("--accounts", "3", "--balance", "1000000000", "--silent", "--disable-min-priority-fee"),
            *("--cache-path", str(log_dir / f"anvil-{chain_id}-states")),
            *("--slots-in-an-epoch", "1"),  # safe is one block behind the head, finalized two; else both stay at zero
        ]
        log_dir.mkdir(parents=True, exist_ok=True)
        self._binary = binary
        self._start()

    def wait_until_ready(self) -> None:
        """Wait for the first answer; start again on another port if this one was taken meanwhile.

        Raises
        ------
        SourceUnavailable
            If it does not answer in time; the message ends with its last output.
        """
        for _ in range(START_ATTEMPTS - 1):
            with contextlib.suppress(SourceUnavailable):
                return self._wait_for_answer()
            self.stop()
            self._start()
        return self._wait_for_answer()

    def stop(self) -> None:
        """Kill the node and wait for it."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self.rpc.close()
        atexit.unregister(self.stop)

    def _start(self) -> None:
        port = _free_port()
        self.url = f"http://127.0.0.1:{port}"
        command = [
            sys.executable,
            "-I",
            "-S",
            str(tether.__file__),
            str(os.getpid()),
            str(self._binary),
            *self._options,
        ]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "--port", str(port)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,
            )
        atexit.register(self.stop)
        self.rpc = RpcClient(self.url, f"rpc:{self.chain_id}")

    def _wait_for_answer(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline and self._process.poll() is None:
            with contextlib.suppress(SourceUnavailable):
                if int(self.rpc.call("eth_chainId"), 16) == self.chain_id:
                    return
            time.sleep(0.02)
        output = self._log.read_text(encoding="utf-8", errors="replace")[-500:]
        raise SourceUnavailable(f"rpc:{self.chain_id}", f"anvil did not start (exit {self._process.poll()}): {output}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
