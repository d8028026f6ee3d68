"""Character references in HTML text (WHATWG HTML §13.2.5.72), linear and without surprises in size."""

from __future__ import annotations

from html.entities import html5

__all__ = ["resolve_entities"]

_LONGEST = max(map(len, html5))
_LONGEST_BARE = max(len(name) for name in html5 if not name.endswith(";"))
_MAX_DIGITS = 7
_HEX = frozenset("0123456789abcdefABCDEF")
_DECIMAL = frozenset("0123456789")


def resolve_entities(text: str) -> str:
    """`text` with its references replaced; what is no reference stays as it is."""
    if "&" not in text:
        return text
    first, *rest = text.split("&")
    return first + "".join(map(_resolved, rest))


def _resolved(part: str) -> str:
    if part.startswith("#"):
        return _numeric(part)
    end = part.find(";", 0, _LONGEST)
    if end > 0 and part[: end + 1] in html5:
        return html5[part[: end + 1]] + part[end + 1 :]
    # Names of old may come without their semicolon: `&amp` and `&copy2024`.
    for size in range(min(_LONGEST_BARE, len(part)), 1, -1):
        if part[:size] in html5:
            return html5[part[:size]] + part[size:]
    return "&" + part


def _numeric(part: str) -> str:
    start, base, digits = (2, 16, _HEX) if part[1:2] in {"x", "X"} else (1, 10, _DECIMAL)
    end = start
    while end < len(part) and part[end] in digits:
        end += 1
    number = part[start:end]
    if not number:
        return "&" + part
    after = end + 1 if part[end : end + 1] == ";" else end
    significant = number.lstrip("0") or "0"
    code = int(significant, base) if len(significant) <= _MAX_DIGITS else 0x110000
    # Null, surrogates and what lies beyond Unicode become the replacement character.
    char = chr(code) if 0 < code < 0xD800 or 0xDFFF < code <= 0x10FFFF else "\ufffd"
    return char + part[after:]
