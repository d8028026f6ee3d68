"""Write pipelock/detect/_confusables.py anew: characters of all scripts that pass for a Latin letter or a digit.

    pip install confusable-homoglyphs && python scripts/confusables.py

The package (MIT) carries Unicode's confusables.txt (UTS #39, Unicode License v3) as JSON. What NFKC folds, and what is
no letter, digit or sign of its own, is left out.
"""

from __future__ import annotations

import json
import string
import unicodedata
from collections import defaultdict
from importlib.resources import files
from pathlib import Path

TARGET = Path(__file__).parents[1] / "pipelock" / "detect" / "_confusables.py"
_LATIN = frozenset(string.ascii_letters + string.digits)
_KINDS = frozenset({"Lu", "Ll", "Lo", "Lt", "Lm", "Nd", "Nl", "No", "So", "Sm"})
_HEAD = '''# Written by scripts/confusables.py; do not edit. Data: Unicode confusables (UTS #39), Unicode License v3.
# ruff: noqa: RUF001 - look-alikes are what this table holds
# fmt: off
"""Characters of all scripts that a reader takes for a Latin letter or a digit (UTS #39)."""

from __future__ import annotations

__all__ = ["BY_SCRIPT"]

# For each script pairs of a Latin character and those that pass for it.
BY_SCRIPT: dict[str, tuple[str, ...]] = {
'''


def target_of(char: str, others: list[str]) -> str:
    """The Latin character that `char` passes for, in its own case where both are there; empty for none."""
    found = [other for other in others if other in _LATIN]
    letters = [other for other in found if other.isalpha() and other.isupper() == char.isupper()]
    # "l", "I" and "1" pass for each other, and every bar for all three; the letter is the reading of UTS #39.
    return min(letters or found, default="", key=lambda other: (other.isdigit(), other != "l", other))


def script_of(char: str) -> str:
    """The first word of the character's name, which is its script; `SIGN` for what is no letter or digit."""
    if unicodedata.category(char)[0] == "S":
        return "SIGN"
    return unicodedata.name(char, "SIGN").split(" ")[0].split("-")[0]


def main() -> None:
    """Write the table."""
    source = json.loads(files("confusable_homoglyphs").joinpath("confusables.json").read_text("utf-8"))
    rows: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for key, others in sorted(source.items()):
        # Letters that are written from the right stand between marks of direction.
        char = key.strip("\u200e")
        if len(char) != 1 or char.isascii() or unicodedata.category(char) not in _KINDS:
            continue
        latin = target_of(char, [other["c"] for other in others])
        if latin and unicodedata.normalize("NFKC", char) == char:
            rows[script_of(char)][latin].append(char)
    lines = []
    for script, pairs in sorted(rows.items()):
        cells = " ".join(f'"{latin}{"".join(chars)}",' for latin, chars in sorted(pairs.items()))
        lines.append(f'    "{script}": (')
        line = "       "
        for cell in cells.split(" "):
            if len(line) + len(cell) > 110:
                lines.append(line)
                line = "       "
            line += " " + cell
        lines += [line, "    ),"]
    TARGET.write_text(_HEAD + "\n".join(lines) + "\n}\n", "utf-8")


if __name__ == "__main__":
    main()
