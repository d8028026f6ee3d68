"""Planted values (canary tokens): whoever sends one has read what was not meant to be read.

A canary's text is known to its owner and its place is public to the thief, so it is looked for with the least
indulgence: in any case, in every spelling of `_forms`, and with all that is neither letter nor digit taken out of both
the value and the text, so that separators, quotation marks, fields and lines between its parts hide nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from pipelock.detect._forms import forms, whole
from pipelock.detect.matcher import Matcher
from pipelock.detect.views import SEPARATOR, View, view_at
from pipelock.detect.watch import Found

__all__ = ["Canaries", "canary_rule"]

_LEAST = 6
"""Letters and digits that a value needs; one with fewer is looked for as it stands."""
_APART = b"\0"
_NOISE = bytes(code for code in range(1, 128) if not chr(code).isalnum())
"""All of ASCII but letters, digits, and the NUL that keeps views apart."""


def canary_rule(name: str) -> str:
    """What findings call the canary `name`."""
    return f"Canary Token ({name})"


class Canaries:
    """Looks for planted values. Pure, and safe to share between threads.

    Args:
        tokens: (name, value) pairs; values of 8 to 4 096 characters.
        native: Use Hyperscan where it is there.

    Raises:
        MatcherError: the values can't be compiled.
    """

    def __init__(self, tokens: Sequence[tuple[str, str]], *, native: bool = True) -> None:
        self._names: list[str] = []
        self._bare: list[str] = []
        bare: list[bytes] = []
        plain: list[bytes] = []
        for name, value in tokens:
            part = whole(value.encode("utf-8", "surrogatepass"))
            texts = {form.text.translate(None, _NOISE) for form in forms(part)}
            if len(part.translate(None, _NOISE)) < _LEAST:
                plain.append(part)
                self._names.append(name)
            kept = [text for text in texts if len(text) >= max(_LEAST, len(part.translate(None, _NOISE)))]
            bare += kept
            self._bare += [name] * len(kept)
        self._matcher = Matcher([_literal(text) for text in bare], native=native)
        self._plain = Matcher([_literal(text) for text in plain], native=native)

    def find(self, views: Sequence[View], host: str = "") -> list[Found]:
        """The first place of each canary, wherever it is bound. Linear in the size of the views.

        Raises:
            MatcherError: the matcher failed; block.
        """
        found: dict[str, Found] = {}
        whole_text = SEPARATOR.join([view.data for view in views])
        for number in self._plain.propose(whole_text):
            hit = next(self._plain.hits(number, whole_text))
            _note(found, self._names[number], views, hit.start, hit.end)
        bare = whole_text.translate(None, _NOISE)
        proposed = self._matcher.propose(bare)
        if proposed:
            # Only now is it worth knowing where each letter came from.
            noise = frozenset(_NOISE)
            places = [at for at, byte in enumerate(whole_text) if byte not in noise]
            for number in proposed:
                hit = next(self._matcher.hits(number, bare))
                _note(found, self._bare[number], views, places[hit.start], places[hit.end - 1] + 1)
        return list(found.values())


def _note(found: dict[str, Found], name: str, views: Sequence[View], start: int, end: int) -> None:
    if name not in found:
        view, base = view_at(views, start)
        found[name] = Found(
            canary_rule(name),
            f"the canary token {name}",
            view,
            start - base,
            min(end - base, len(view.data)),
            late=True,
        )


def _literal(text: bytes) -> bytes:
    return b"(?i)" + b"".join(b"\\x%02x" % byte for byte in text)
