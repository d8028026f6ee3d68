"""A page as text, for `/fetch`: what a reader would see, and apart from it what the page hides.

The input is whatever a server sent, so the walk over it is linear whatever it holds: a search for an end that is not
there is done once, no regular expression sees the page, and depth and sizes have limits.
"""

from __future__ import annotations

import msgspec

from pipelock.detect.charsets import decode_text
from pipelock.detect.html import HtmlText

__all__ = ["MAX_TEXT", "Readable", "readable"]

MAX_TEXT = 4_194_304
"""Characters of text, and of hidden text, that one page may yield."""

_HTML_TYPES = frozenset({"text/html", "application/xhtml+xml"})


class Readable(msgspec.Struct, frozen=True, gc=False):
    """A page as text.

    Attributes:
        title: The document's title, one line.
        text: What is shown, lines and paragraphs kept.
        hidden: What the page holds and does not show (comments, hidden elements, templates), for judging only.
        truncated: Text was left out because there was too much of it.
    """

    title: str
    text: str
    hidden: str = ""
    truncated: bool = False


def readable(data: bytes, content_type: str) -> Readable:
    """Turn a decoded body into text: HTML by what it shows, other text as it is, binary data to one line that says so.

    `text` and `hidden` are new spellings of the page (joined across tags, entities resolved, charset decoded): they are
    to be judged as well as the bytes.
    """
    media, _, _ = content_type.partition(";")
    media = media.strip(" \t").lower()
    text = decode_text(data, content_type)
    if media in _HTML_TYPES or (not media and _looks_like_html(data)):
        page = HtmlText(text, MAX_TEXT)
        return Readable(page.title, page.text, page.hidden, page.truncated)
    if "\0" in text[:4096]:
        return Readable("", f"[{len(data)} bytes of binary data]")
    return Readable("", text[:MAX_TEXT], truncated=len(text) > MAX_TEXT)


def _looks_like_html(data: bytes) -> bool:
    start = data[:512].lstrip().lower()
    return start.startswith((b"<!doctype html", b"<html", b"<head", b"<body"))
