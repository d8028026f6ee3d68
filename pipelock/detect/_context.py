"""Telling an attack from writing about attacks.

A phrase counts as documented only if it stands inside quotation marks or code marks on its line *and* the words just
before say that it is an example, or what is done about it. Either alone proves nothing.

Whoever writes the text writes the marks and the words as well, so a documented phrase is still reported: all this
decides is that a rule asks for a warning only. A rule of the core does so only for a bare mention: the marks enclose
the phrase and next to nothing else, so no order can stand inside them with it.
"""

from __future__ import annotations

__all__ = ["is_documented", "is_mention"]

_REACH = 160
_SLACK = 14
"""Bytes that a bare mention may have on either side between its marks and the phrase that was found."""
_QUOTES = ((b'"', b'"'), (b"`", b"`"), (b"\xe2\x80\x9c", b"\xe2\x80\x9d"), (b"'", b"'"), (b"\xc2\xab", b"\xc2\xbb"))
_CUES = (
    b"such as", b"e.g.", b"for example", b"for instance", b"phrase", b"attack", b"injection", b"payload",
    b"jailbreak", b"detect", b"pattern", b"malicious", b"adversar", b"blocks", b"blocked", b"flags", b"looks like",
    b"attempt", b"prevent", b"red team", b"attacker", b"known as", b"instructions like", b"strings like", b"text like",
)  # fmt: skip


def is_documented(data: bytes, start: int, end: int, *, structured: bool = False) -> bool:
    """Whether the text at `start` to `end` is quoted as an example by the writing around it. Constant time.

    Args:
        data: The text.
        start: Where the phrase starts, in bytes.
        end: Where it ends.
        structured: `data` is JSON as it travels: a plain double quote is punctuation of the format. It quotes nothing,
            and what stands before it belongs to another value or is a key.
    """
    before = data[max(0, start - _REACH) : start]
    before = before[before.rfind(b"\n") + 1 :]
    after = data[end : end + _REACH]
    newline = after.find(b"\n")
    if newline >= 0:
        after = after[:newline]
    if structured:
        # Escaped quotes are the writer's own; what is left afterwards is the format's.
        before = before.replace(b'\\"', b"``")
        before = before[before.rfind(b'"') + 1 :]
        after = after.replace(b'\\"', b"``").partition(b'"')[0]
    lead = -1
    for opening, closing in _QUOTES:
        # The phrase must be what is quoted: at most a few words may stand between it and the opening mark.
        at = before.rfind(opening)
        if at >= 0 and len(before) - at <= 48 and closing in after:
            lead = max(lead, at)
    if lead < 0:
        return False
    words = before[:lead].lower()
    return any(cue in words for cue in _CUES)


def is_mention(data: bytes, start: int, end: int, *, structured: bool = False) -> bool:
    """Whether the text is documented, and quoted by itself: both marks stand close by. Constant time."""
    if not is_documented(data, start, end, structured=structured):
        return False
    before = data[max(0, start - _SLACK) : start]
    after = data[end : end + _SLACK]
    return any(opening in before and closing in after for opening, closing in _QUOTES)
