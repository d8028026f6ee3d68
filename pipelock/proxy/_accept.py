"""Which of our three body forms an Accept field asks for (RFC 9110 §12.5.1)."""

from __future__ import annotations

from typing import Literal

__all__ = ["Kind", "preferred_type"]

Kind = Literal["json", "text", "html"]

_MAX_LENGTH = 1024
_MAX_RANGES = 32
# In the order in which ties are decided: a program that takes anything gets what programs read.
_OFFERS: tuple[tuple[Kind, str], ...] = (("json", "application/json"), ("text", "text/plain"), ("html", "text/html"))


def preferred_type(accept: str) -> Kind:
    """The form with the highest weight; JSON for no field, no preference, and what can't be read."""
    weights: dict[str, float] = {}
    for part in accept[:_MAX_LENGTH].lower().split(",", _MAX_RANGES)[:_MAX_RANGES]:
        media, *parameters = (piece.strip(" \t") for piece in part.split(";"))
        if media:
            weights.setdefault(media, _weight(parameters))
    best: Kind = "json"
    highest = 0.0
    for kind, offer in _OFFERS:
        # The most specific range that names an offer decides its weight.
        weight = weights.get(offer, weights.get(offer.partition("/")[0] + "/*", weights.get("*/*", 0.0)))
        if weight > highest:
            best, highest = kind, weight
    return best


def _weight(parameters: list[str]) -> float:
    """RFC 9110 §12.4.2: `q=` and 0 to 1 with at most three digits behind the point; anything else counts as 0."""
    for parameter in parameters:
        if parameter.startswith("q="):
            text = parameter[2:]
            whole, _, digits = text.partition(".")
            plain = whole in {"0", "1"} and len(digits) <= 3 and digits.isascii() and (digits.isdigit() or not digits)
            return min(float(text), 1.0) if plain else 0.0
    return 1.0
