"""Whether a JSON document can be read in one way only."""

from __future__ import annotations

import json
from collections.abc import Sequence

__all__ = ["has_unique_keys"]


def has_unique_keys(body: bytes) -> bool:
    """Whether no object in the document `body` has a key twice.

    Where one has, whoever acts on it may read the value that was not looked at. False as well where the document is
    nested too deeply to tell, or is no JSON.
    """
    try:
        _decoder.decode(body.decode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError):
        return False
    return True


def _refuse_twice(pairs: Sequence[tuple[str, object]]) -> None:
    if len(pairs) > 1 and len({key for key, _ in pairs}) != len(pairs):
        raise ValueError("a key twice")


# Numbers are never converted: the quickest callable there is stands for it.
_decoder = json.JSONDecoder(object_pairs_hook=_refuse_twice, parse_int=len, parse_float=len)
