"""What an attacker is after: a process with a secret in its memory and in its environment, which notes signals.

As a program: `python victim.py NAME NOTES` prints its number, the address of the secret and its size as JSON to NOTES,
and appends a letter for each signal to NOTES.signals, until it is ended.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from pathlib import Path


def main(_name: str, notes: str) -> None:
    secret = ctypes.create_string_buffer(os.environ["API_KEY_OF_MINE"].encode())
    log = os.open(f"{notes}.signals", os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o644)
    signal.signal(signal.SIGUSR1, lambda _number, _frame: os.write(log, b"1"))
    signal.signal(signal.SIGUSR2, lambda _number, _frame: os.write(log, b"2"))
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    draft = Path(f"{notes}.draft")
    draft.write_text(
        json.dumps(
            {"victim": os.getpid(), "victim_address": ctypes.addressof(secret), "victim_size": ctypes.sizeof(secret)}
        )
    )
    draft.rename(notes)
    while True:
        signal.pause()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
