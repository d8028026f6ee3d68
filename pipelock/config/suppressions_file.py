"""suppressions.yaml in the daemon's home: entries of `suppress` that were made from refusals.

They are kept apart from the configuration, which is written by hand and may be under version control.

    version: 1
    suppress:
      - rule: "JWT Token"
        path: "https://api.example.com/v1/items"
        host: "api.example.com"
        field: "header:authorization"
        expires: "2027-01-31T18:00:00Z"
        reason: "the test tenant's"

They are read with the configuration and stand after its own entries. A file that is not valid is refused whole, with
the line, like the configuration.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from pipelock.config.decode import Decoder
from pipelock.config.digest import policy_hash
from pipelock.config.loader import Loaded
from pipelock.config.problems import ConfigError
from pipelock.config.reading import read_tree
from pipelock.config.schema_scanning import Suppression

__all__ = ["FILE", "MAX_ENTRIES", "entry_id", "entry_text", "format_file", "overlaid", "parse_file"]

FILE: Final = "suppressions.yaml"
"""Its name in the daemon's home."""
MAX_ENTRIES: Final = 1_000

_HEAD = """# Findings that were declared harmless, made by `pipelock suppress` and the dashboard.
# Changes take effect at once; `pipelock suppress list` shows what each entry met.
version: 1
"""


class _File(msgspec.Struct, frozen=True, kw_only=True):
    """What the file may say."""

    version: Literal[1] = 1
    suppress: Annotated[tuple[Suppression, ...], Meta(max_length=MAX_ENTRIES)] = ()


def entry_id(entry: Suppression) -> str:
    """Twelve hex digits that name an entry by all that makes it hold; its reason is no part of that."""
    parts = (entry.rule.casefold(), entry.path, entry.host.casefold(), entry.field, entry.expires)
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:12]


def parse_file(data: bytes, name: str) -> tuple[Suppression, ...]:
    """The entries of a file; `name` is what problems call it.

    Raises:
        ConfigError: It is larger than 4 MiB, is not UTF-8, or says something that is not valid.
    """
    root = read_tree(data, name)
    if root is None:
        return ()
    decoder = Decoder(name, Path.cwd())
    found = decoder.decode(root, _File)
    if decoder.problems:
        raise ConfigError(decoder.problems)
    return found.suppress


def entry_text(entry: Suppression) -> str:
    """One entry as YAML, as it stands in the file."""
    # A JSON string is a YAML string, whatever is in it.
    lines = [
        f"{name}: {json.dumps(value)}"
        for name in Suppression.__struct_fields__
        if (value := getattr(entry, name)) or name in ("rule", "path")
    ]
    return "  - " + "\n    ".join(lines) + "\n"


def format_file(entries: tuple[Suppression, ...]) -> bytes:
    """The whole file. `parse_file` gives the same entries back."""
    body = "suppress:\n" + "".join(map(entry_text, entries)) if entries else "suppress: []\n"
    return (_HEAD + body).encode()


def overlaid(loaded: Loaded, entries: tuple[Suppression, ...]) -> Loaded:
    """`loaded` with the entries after its own, under the hash of the result."""
    if not entries:
        return loaded
    config = msgspec.structs.replace(loaded.config, suppress=(*loaded.config.suppress, *entries))
    return msgspec.structs.replace(loaded, config=config, policy_hash=policy_hash(config))
