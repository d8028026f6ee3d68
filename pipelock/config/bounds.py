"""Bounds of single values, with messages that name the whole allowed range."""

from __future__ import annotations

from typing import TypeVar

from msgspec import Meta

from pipelock.config.problems import nearest
from pipelock.config.scalars import ScalarError, is_null
from pipelock.config.tree import ScalarNode

__all__ = ["check_length", "choose", "in_range"]

_MAX_TEXT = 4096
N = TypeVar("N", int, float)


def choose(node: ScalarNode, choices: tuple[object, ...]) -> object:
    """The choice that a scalar names. Raises ScalarError for anything else."""
    words = {str(choice): choice for choice in choices}
    if node.text in words and (node.text or not is_null(node)):
        return words[node.text]
    shown = ", ".join(word or '""' for word in words)
    raise ScalarError(f"must be one of {shown}", nearest(node.text, [word for word in words if word]))


def in_range(value: N, metas: tuple[Meta, ...]) -> N:
    """Return `value` if every bound holds. Raises ScalarError naming all of them otherwise."""
    low = next((meta.ge for meta in metas if meta.ge is not None), None)
    above = next((meta.gt for meta in metas if meta.gt is not None), None)
    high = next((meta.le for meta in metas if meta.le is not None), None)
    if (low is None or value >= low) and (above is None or value > above) and (high is None or value <= high):
        return value
    bound = f"more than {above:g}" if above is not None else f"at least {low}"
    if high is None:
        raise ScalarError(f"must be {bound}")
    raise ScalarError(f"must be {bound} and at most {high}" if above is not None else f"must be {low} to {high}")


def check_length(length: int, metas: tuple[Meta, ...], unit: str, most: int = _MAX_TEXT) -> None:
    """Check a count of characters or entries against the annotations, or `most` where they set no limit.

    Raises:
        ScalarError: too few or too many.
    """
    least = max((meta.min_length for meta in metas if meta.min_length is not None), default=0)
    most = min((meta.max_length for meta in metas if meta.max_length is not None), default=most)
    if length < least:
        raise ScalarError("must not be empty" if least == 1 else f"must have at least {least} {unit}")
    if length > most:
        raise ScalarError(f"must have at most {most} {unit}")
