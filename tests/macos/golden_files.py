"""Texts compared with stored ones. PIPELOCK_UPDATE_GOLDEN=1 stores new ones."""

from __future__ import annotations

import os
from pathlib import Path

STORED = Path(__file__).parent / "golden"


def differs(name: str, text: str) -> str:
    """What is wrong with `text` beside the stored file `name`; empty where nothing is."""
    file = STORED / name
    if os.environ.get("PIPELOCK_UPDATE_GOLDEN") == "1":
        file.write_text(text, encoding="utf-8")
    if not file.is_file():
        return f"{file} is not there: store it with PIPELOCK_UPDATE_GOLDEN=1"
    stored = file.read_text(encoding="utf-8")
    if stored == text:
        return ""
    pairs = zip(stored.splitlines(), text.splitlines(), strict=False)
    first = next((f"line {n}: {a!r} is now {b!r}" for n, (a, b) in enumerate(pairs, 1) if a != b), "its length")
    return f"{file.name} differs in {first}; see PIPELOCK_UPDATE_GOLDEN"
