"""Running somebody else's program for a while: bounded in time and in what is kept of its output."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

__all__ = ["MAX_OUTPUT", "Run", "run"]

MAX_OUTPUT = 65_536
"""Bytes kept of what a program says; the rest is read and dropped."""
_STEP = 0.05


class Run(NamedTuple):
    """How it went. `code` is `None` where the program could not be started, negative for a signal."""

    code: int | None
    output: str
    seconds: float
    timed_out: bool = False


def run(command: Sequence[str], environ: Mapping[str, str], folder: Path, seconds: float) -> Run:
    """Run a program in `folder` with nothing on its input; after `seconds` it and its children are stopped."""
    started = time.monotonic()
    try:
        process = subprocess.Popen(  # noqa: S603 - that is what this is for
            command,
            env=dict(environ),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        return Run(None, error.strerror or str(error), time.monotonic() - started)
    with process:
        output = _listen(process, started + seconds)
        timed_out = process.poll() is None
        if timed_out:
            # It leads a session of its own, and is not reaped yet: the number is still its group's.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.kill()
    return Run(process.returncode, output.decode("utf-8", "replace"), time.monotonic() - started, timed_out)


def _listen(process: subprocess.Popen[bytes], deadline: float) -> bytes:
    """What the program says until it ends: a child that lives on and holds its output open is not waited for."""
    output = bytearray()
    pipe = process.stdout
    if pipe is None:
        return b""
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while time.monotonic() < deadline:
            has_ended = process.poll() is not None
            if selector.select(0 if has_ended else _STEP):
                data = os.read(pipe.fileno(), MAX_OUTPUT)
                if not data:
                    break
                output += data[: MAX_OUTPUT - len(output)]
            elif has_ended:
                return bytes(output)
    # Its output is closed; that it ends is waited for as well.
    with suppress(subprocess.TimeoutExpired):
        process.wait(max(0.0, deadline - time.monotonic()))
    return bytes(output)
