"""Which characters the bytes of a body are (WHATWG Encoding §4.2 and §6, as far as it is used)."""

from __future__ import annotations

import codecs

__all__ = ["charset_of", "decode_text", "respelled"]

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_PLAIN = frozenset({"utf-8", "cp1252"})
# What texts are written in. Python knows codecs that are no text encodings, and looks up names of any length.
_CHARSETS = {
    "": "utf-8",
    **dict.fromkeys(("utf-8", "utf8", "utf8mb4", "unicode-1-1-utf-8", "unknown", "binary", "none"), "utf-8"),
    **dict.fromkeys(("us-ascii", "ascii", "iso-8859-1", "iso8859-1", "iso_8859-1", "latin1", "latin-1"), "cp1252"),
    **dict.fromkeys(("windows-1252", "cp1252", "iso-8859-16", "iso-8859-10", "iso-8859-14"), "cp1252"),
    "x-sjis": "shift_jis",
    "sjis": "shift_jis",
    "gb_2312-80": "gb2312",
    "ks_c_5601-1987": "euc-kr",
    "macintosh": "mac_roman",
    "tis-620": "cp874",
    "windows-874": "cp874",
    **{
        name: name
        for name in (
            *("utf-16", "utf-16le", "utf-16be", "utf-32", "utf-32le", "utf-32be", "shift_jis", "euc-jp", "iso-2022-jp"),
            *("gb2312", "gbk", "gb18030", "big5", "euc-kr", "koi8-r", "koi8-u", "windows-1250", "windows-1251"),
            *("windows-1253", "windows-1254", "windows-1255", "windows-1256", "windows-1257", "windows-1258"),
            *(f"iso-8859-{number}" for number in (2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 15)),
        )
    },
}


def charset_of(content_type: str) -> str | None:
    """The codec that a content type names, UTF-8 where it names none; `None` for a charset that is not read."""
    for parameter in content_type[:1024].lower().split(";")[1:]:
        name, _, value = parameter.strip(" \t").partition("=")
        if name.strip(" \t") == "charset":
            return _CHARSETS.get(value.strip(" \t\"'"))
    return "utf-8"


def decode_text(data: bytes, content_type: str) -> str:
    """`data` as text. A byte order mark wins over the content type; unknown charsets are read as UTF-8."""
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, "replace")
    return data.decode(charset_of(content_type) or "utf-8", "replace")


def respelled(data: bytes, content_type: str) -> bytes:
    """`data` as UTF-8 where it is something else, or Latin text in UTF-16 that does not say so; empty otherwise."""
    wide = data.startswith(tuple(mark for mark, _ in _BOMS[1:]))
    if wide or (charset_of(content_type) or "utf-8") not in _PLAIN:
        return decode_text(data, content_type).encode()
    if b"\0" in data[:64]:
        for zeros, encoding in ((data[1:4096:2], "utf-16-le"), (data[:4096:2], "utf-16-be")):
            if not zeros.strip(b"\0"):
                return data.decode(encoding, "replace").encode("utf-8", "replace")
    return b""
