"""`python -m pipelock.cli._private_daemon HOME CONFIG [LOAN]`: a daemon for `pipelock trust doctor` alone.

It listens where the kernel likes, and ends when its standard input does: so it never outlives who started it. CONFIG is
a file, empty for the defaults. With LOAN, a `Loan` as JSON, it is a configuration of the user: what it says of traffic
is kept to the letter, what would get into the way of the user's own daemon is left out.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec

from pipelock.cli._trust import Loan, alone
from pipelock.config import Config, Loaded
from pipelock.daemon.main import RunOptions, run_daemon

__all__ = ["borrow", "main", "serve"]


def main(home: str, config: str, loan: str = "") -> int:
    """Run until standard input ends."""
    return serve(home, config, partial(borrow, msgspec.json.decode(loan, type=Loan)) if loan else None)


def serve(home: str, config: str, adjust: Callable[[Loaded], Loaded] | None) -> int:
    """Run a daemon until standard input ends, with a configuration that is `adjust`ed when it is read."""
    threading.Thread(target=_await_end, daemon=True).start()
    return run_daemon(
        RunOptions(config=Path(config) if config else None, listen="127.0.0.1:0", home=Path(home), adjust=adjust)
    )


def borrow(loan: Loan, loaded: Loaded) -> Loaded:
    """The user's configuration with tunnels opened, an audit log of its own, and the main listener alone."""
    config, replace = alone(loaded.config, loan.audit), msgspec.structs.replace
    changed: Config = replace(
        config,
        forward_proxy=replace(config.forward_proxy, enabled=True),
        tls_interception=replace(config.tls_interception, enabled=True, ca_cert=loan.certificate, ca_key=loan.key),
        kill_switch=replace(config.kill_switch, sentinel_file=config.kill_switch.sentinel_file or loan.sentinel),
    )
    return replace(loaded, config=changed)


def _await_end() -> None:
    """Wait until standard input ends, then stop this process."""
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
