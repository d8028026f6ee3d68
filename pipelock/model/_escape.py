r"""The one escaper for text that came from outside and is about to reach a screen or a log.

Everything that could move a cursor, hide, reorder or fuse text is replaced by a visible `\x1b`, `\u202e` or
`\U000e0041` form: C0 and C1 controls, DEL, line and paragraph separators, every format character (category Cf: bidi
controls, zero-width, tags), surrogates, private use, unassigned, variation selectors, and combining marks that are
piled up higher than any writing needs, which would draw over the lines above and below.
"""

from __future__ import annotations

import unicodedata

__all__ = ["escape", "escape_lines"]

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Variation selectors and Hangul fillers are letters or marks to Unicode and invisible to people. U+115F and U+1160
# are the conjoining fillers, U+3164 and U+FFA0 their compatibility forms, U+2800 the blank braille cell.
_INVISIBLE = frozenset({0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0})


_MARKS = frozenset({"Mn", "Me"})
_MOST_MARKS = 4
"""Combining marks that one letter may carry; Vietnamese takes two, pointed Hebrew three."""


def _shown(text: str) -> str:
    out: list[str] = []
    marks = 0
    for char in text:
        category = unicodedata.category(char)
        marks = marks + 1 if category in _MARKS else 0
        hidden = category in _HIDDEN or marks > _MOST_MARKS or _is_invisible(ord(char))
        out.append(_visible(char) if hidden else char)
    return "".join(out)


def _is_invisible(code: int) -> bool:
    return 0xFE00 <= code <= 0xFE0F or 0xE0100 <= code <= 0xE01EF or code in _INVISIBLE


def _visible(char: str) -> str:
    code = ord(char)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def escape(text: str, limit: int = 4096) -> str:
    """Make `text` safe for one line of a screen or a log, cut to `limit` characters of input with an ellipsis.

    Text of printable ASCII comes back as it is.
    """
    cut = len(text) > limit
    if cut:
        text = text[:limit]
    if not (text.isascii() and text.isprintable()):
        text = _shown(text)
    return text + "…" if cut else text


def escape_lines(text: str, limit: int = 65_536) -> str:
    """Like `escape`, but line feeds stay and tabs become four spaces: for a pane that shows a body."""
    cut = len(text) > limit
    lines = (escape(line.replace("\t", "    "), limit) for line in text[:limit].split("\n"))
    return "\n".join(lines) + ("…" if cut else "")
