"""Which part of a host name somebody had to register, by the Public Suffix List.

The list is the one that the `publicsuffixlist` package bundles; its file is read without that package's own parser,
which takes ten times as long because it encodes every international name in advance. Here a line of the file is looked
up as it stands, and only names with `xn--` labels are decoded.

Source: https://github.com/publicsuffix/list/wiki/Format (rules, wildcards, exceptions, the default rule `*`), and
RFC 3492 for `xn--` labels.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

__all__ = ["has_public_suffix", "registrable_name"]

_PACKAGE = "publicsuffixlist"
_FILE = "public_suffix_list.dat"
_MOST_LABELS = 127
"""Labels a name can have (RFC 1035 §2.3.4: 255 octets); of a longer one only the last are looked at."""


@lru_cache(maxsize=1)
def _lines() -> frozenset[str]:
    """All lines of the list, about 16 000. Comments stay: they begin with `//`, so no name is equal to one."""
    spec = find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError(f"the package {_PACKAGE} is not installed")
    path = Path(spec.submodule_search_locations[0], _FILE)
    return frozenset(path.read_text("utf-8").split("\n"))


@lru_cache(maxsize=4096)
def registrable_name(name: str) -> str:
    """The public suffix of `name` and one label more (private suffixes such as github.io included).

    `name` is lower-case without a final dot. A single label and a public suffix come back as they are. The first call
    reads the list (a few milliseconds); the last 4 096 results are remembered.

    Raises:
        OSError: the list can't be read.
    """
    labels = name.split(".")[-_MOST_LABELS:]
    keep = _suffix_length([_decoded(label) for label in labels]) + 1
    return ".".join(labels[-keep:]) if keep < len(labels) else name


def has_public_suffix(name: str) -> bool:
    """Whether the last label of `name` (lower-case, two labels or more) is a top-level domain that exists.

    Raises:
        OSError: the list can't be read.
    """
    rest, dot, last = name.rpartition(".")
    return bool(rest and dot) and _decoded(last) in _lines()


def _suffix_length(labels: list[str]) -> int:
    """How many labels the public suffix has: the longest rule holds, unless an exception to it is listed."""
    lines = _lines()
    for start in range(len(labels)):
        rest = ".".join(labels[start:])
        if f"!{rest}" in lines:
            return len(labels) - start - 1
        if rest in lines or "*." + rest.partition(".")[2] in lines:
            return len(labels) - start
    return 1


def _decoded(label: str) -> str:
    if not label.startswith("xn--"):
        return label
    try:
        return label[4:].encode("ascii").decode("punycode")
    except UnicodeError:
        return label
