"""A page as text, for `/fetch`: what a reader would see, and apart from it what the page hides.

The input is whatever a server sent, so the walk over it is linear whatever it holds: a search for an end that is not
there is done once, no regular expression sees the page, and depth and sizes have limits.
"""

from __future__ import annotations

import codecs

import msgspec

from pipelock.proxy._html import HtmlText

__all__ = ["MAX_TEXT", "Readable", "readable"]

MAX_TEXT = 4_194_304
"""Characters of text, and of hidden text, that one page may yield."""

_HTML_TYPES = frozenset({"text/html", "application/xhtml+xml"})
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
# What pages are written in. Python knows codecs that are no text encodings, and looks up names of any length.
_CHARSETS = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "us-ascii": "cp1252",
    "ascii": "cp1252",
    "iso-8859-1": "cp1252",
    "latin1": "cp1252",
    "windows-1252": "cp1252",
    **{
        name: name
        for name in (
            *("utf-16", "utf-16le", "utf-16be", "shift_jis", "euc-jp", "iso-2022-jp", "gb2312", "gbk", "gb18030"),
            *("big5", "euc-kr", "koi8-r", "koi8-u", "iso-8859-2", "iso-8859-5", "iso-8859-7", "iso-8859-9"),
            *("iso-8859-15", "windows-1250", "windows-1251", "windows-1253", "windows-1254", "windows-1255"),
            *("windows-1256", "windows-1257", "windows-1258"),
        )
    },
}


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
    media, _, parameters = content_type.partition(";")
    media = media.strip(" \t").lower()
    text = _decoded(data, parameters)
    if media in _HTML_TYPES or (not media and _looks_like_html(data)):
        page = HtmlText(text, MAX_TEXT)
        return Readable(page.title, page.text, page.hidden, page.truncated)
    if "\0" in text[:4096]:
        return Readable("", f"[{len(data)} bytes of binary data]")
    return Readable("", text[:MAX_TEXT], truncated=len(text) > MAX_TEXT)


def _decoded(data: bytes, parameters: str) -> str:
    """A byte order mark wins over the header (WHATWG Encoding §6); unknown charsets are read as UTF-8."""
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, "replace")
    for parameter in parameters[:256].lower().split(";"):
        name, _, value = parameter.strip(" \t").partition("=")
        if name == "charset":
            return data.decode(_CHARSETS.get(value.strip(" \t\"'"), "utf-8"), "replace")
    return data.decode("utf-8", "replace")


def _looks_like_html(data: bytes) -> bool:
    start = data[:512].lstrip().lower()
    return start.startswith((b"<!doctype html", b"<html", b"<head", b"<body"))
