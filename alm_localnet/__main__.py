"""``python -m alm_localnet``: a standing localnet in real time, or the contract build."""

import argparse
import json
import signal
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType

from alm_core.model.epochs import floor_to_epoch
from alm_core.model.errors import AlmError
from alm_localnet.config import LocalnetConfig
from alm_localnet.contracts import compile_contracts
from alm_localnet.localnet import Localnet


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m alm_localnet", description=__doc__)
    parser.add_argument("--serve", action="store_true", help="start a localnet and keep it running until SIGTERM")
    parser.add_argument("--build-contracts", action="store_true", help="compile contracts/ into artifacts/")
    parser.add_argument("--home", type=Path, default=Path(".alm/localnet"), help="registry, keystore, logs")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tape", help="recorded tape that WETH-USDC follows")
    parser.add_argument("--realtime", action="store_true", help="play each minute as the wall clock passes it")
    parser.add_argument("--hours", type=float, default=2.0, help="market hours played before now at the start")
    options = parser.parse_args(arguments)
    try:
        if options.build_contracts:
            compile_contracts()
        elif options.serve:
            _serve(options)
        else:
            parser.error("give --serve or --build-contracts")
    except AlmError as error:
        sys.stderr.write(f"localnet: {error}\n")
        return 1
    return 0


def _serve(options: argparse.Namespace) -> None:
    stopping = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    start_at = floor_to_epoch(datetime.now(UTC) - timedelta(hours=options.hours))
    config = LocalnetConfig(seed=options.seed, tape=options.tape, start_at=start_at)
    with Localnet(options.home, config) as localnet:
        localnet.advance_to(_this_minute())
        localnet.clock.realtime = options.realtime
        _write_environment(localnet)
        sys.stdout.write(json.dumps({"ready": True, "env": localnet.env(), **localnet.describe()}) + "\n")
        sys.stdout.flush()
        while not stopping.wait(60 - time.time() % 60 if options.realtime else None):
            localnet.advance_to(max(_this_minute(), localnet.now))


def _this_minute() -> datetime:
    return datetime.now(UTC).replace(second=0, microsecond=0)


def _write_environment(localnet: Localnet) -> None:
    lines = [f"{name}={value}" for name, value in localnet.env().items()]
    (localnet.home / "env").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
