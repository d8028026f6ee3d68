"""The names of the core floor: the rules that no configuration removes, replaces or suppresses.

They are the built-in rules marked `core`; a test holds the two lists against each other. The engine looks at the rules
themselves, so a name that was missing here would be refused later, not suppressed.
"""

from __future__ import annotations

__all__ = ["CORE_NAMES"]

CORE_NAMES = frozenset(
    {
        # credentials
        "aws access id",
        "aws secret key",
        "gcp service account json",
        "github fine-grained pat",
        "github token",
        "gitlab pat",
        "private key header",
        "slack token",
        # instructions
        "covert action directive",
        "credential path directive",
        "credential solicitation",
        "external data transfer directive",
        "hidden instruction",
        "instruction boundary",
        "prompt injection",
        "role override",
        "system override",
        # addresses
        "cloud metadata",
        "private address",
    }
)
"""Case-folded."""
