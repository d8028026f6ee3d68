"""Files of words that a configuration names; read with it, so that the policy's hash tells when they change."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from pipelock.config.schema import Config
from pipelock.config.schema_scanning import RedactionDictionary
from pipelock.config.validate_redaction import MAX_ENTRIES

__all__ = ["MAX_WORD_BYTES", "with_dictionaries"]

MAX_WORD_BYTES = 1_048_576
"""Bytes of one file of words."""
_MAX_WORD = 256


def with_dictionaries(config: Config) -> tuple[Config, tuple[tuple[str, str], ...]]:
    """`config` with the words of every `redaction.dictionaries.*.entries_file`, and (key, message) of what is wrong.

    A file has one entry a line; empty lines and those that begin with `#` don't count.
    """
    redaction = config.redaction
    if not redaction.enabled or not any(one.entries_file for one in redaction.dictionaries.values()):
        return config, ()
    wrong: list[tuple[str, str]] = []
    filled: dict[str, RedactionDictionary] = {}
    for name, dictionary in redaction.dictionaries.items():
        filled[name] = dictionary
        if dictionary.entries_file:
            try:
                words = tuple(_words(Path(dictionary.entries_file)))
            except (OSError, ValueError) as error:
                reason = error.strerror if isinstance(error, OSError) else str(error)
                wrong.append((f"redaction.dictionaries.{name}.entries_file", f"cannot be read: {reason}"))
                continue
            filled[name] = msgspec.structs.replace(dictionary, entries=dictionary.entries + words)
    if sum(len(dictionary.entries) for dictionary in filled.values()) > MAX_ENTRIES:
        wrong.append(("redaction.dictionaries", f"more than {MAX_ENTRIES} entries in all"))
    section = msgspec.structs.replace(redaction, dictionaries=filled)
    return msgspec.structs.replace(config, redaction=section), tuple(wrong)


def _words(path: Path) -> Iterator[str]:
    """The entries of a file. Raises OSError, or ValueError for one that is too large, too long or not UTF-8."""
    with path.open("rb") as file:
        data = file.read(MAX_WORD_BYTES + 1)
    if len(data) > MAX_WORD_BYTES:
        raise ValueError(f"larger than {MAX_WORD_BYTES} bytes")
    for number, line in enumerate(data.decode("utf-8-sig").splitlines(), 1):
        word = line.strip()
        if len(word) > _MAX_WORD:
            raise ValueError(f"line {number} is longer than {_MAX_WORD} characters")
        if word and not word.startswith("#"):
            yield word
