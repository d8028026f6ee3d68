"""What kind of image, sound or film some bytes are, by the bytes themselves.

A server's word for it proves nothing: what a reader makes of a file depends on how it begins. Signatures are those of
the formats' own documents; each look costs the same whatever the size.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from pipelock.detect._pattern import compile_linear

__all__ = ["Sniffed", "looks_like_html", "looks_like_svg", "sniff", "visible_text"]


class Sniffed(NamedTuple):
    """A media type, and whether the signature is long enough to be believed against what the server says."""

    mime: str
    certain: bool = True


_PREFIXES: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"8BPS\0\x01", "image/vnd.adobe.photoshop"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "image/jxl"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "image/jp2"),
    (b"\xff\x4f\xff\x51", "image/jp2"),
    (b"qoif", "image/qoi"),
    (b"fLaC", "audio/flac"),
    (b"ID3", "audio/mpeg"),
    (b"MThd\0\0\0\x06", "audio/midi"),
    (b"#!AMR", "audio/amr"),
    (b".snd\0\0\0", "audio/basic"),
    (b"caff\0\x01\0\0", "audio/x-caf"),
    (b"FLV\x01", "video/x-flv"),
    (b"\0\0\x01\xba", "video/mpeg"),
    (b"\0\0\x01\xb3", "video/mpeg"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c", "video/x-ms-asf"),
)
_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}
_FORM = {b"AIFF": "audio/aiff", b"AIFC": "audio/aiff", b"8SVX": "audio/x-8svx"}
# Brands of ISO base media files (ISO/IEC 14496-12); every other brand is film.
_BRANDS = {
    b"avif": "image/avif", b"avis": "image/avif", b"mif1": "image/heif", b"msf1": "image/heif", b"heic": "image/heic",
    b"heix": "image/heic", b"heim": "image/heic", b"heis": "image/heic", b"hevc": "image/heic", b"hevx": "image/heic",
    b"crx ": "image/x-canon-cr3", b"M4A ": "audio/mp4", b"M4B ": "audio/mp4", b"M4P ": "audio/mp4",
    b"F4A ": "audio/mp4", b"qt  ": "video/quicktime",
}  # fmt: skip
_ATOMS = frozenset({b"moov", b"mdat", b"wide", b"pnot", b"skip"})
_BLANK = b" \t\r\n\x0b\x0c\xef\xbb\xbf"
_LOOKED_AT = 4096


def sniff(data: bytes) -> Sniffed | None:
    """The media type that `data` begins like; `None` for nothing known. SVG and HTML are text and never an answer."""
    for prefix, mime in _PREFIXES:
        if data.startswith(prefix):
            # Three letters can begin a text, and nothing that is text goes on with a version below 5 as a byte.
            return Sniffed(mime, certain=prefix != b"ID3" or data[3:4] < b"\x05")
    mime = _container(data)
    return Sniffed(mime) if mime else _weakly(data)


def _container(data: bytes) -> str:
    """The type of a file in one of the formats that hold others; empty for none."""
    match data[:4]:
        case b"RIFF" | b"RF64":
            return _RIFF.get(data[8:12], "")
        case b"FORM":
            return _FORM.get(data[8:12], "")
        case b"\x1aE\xdf\xa3":
            return "video/webm" if b"webm" in data[:64] else "video/x-matroska"
        case b"OggS":
            return "video/ogg" if b"theora" in data[:128] else "audio/ogg"
        case _:
            return _BRANDS.get(data[8:12], "video/mp4") if data[4:8] == b"ftyp" else ""


def _weakly(data: bytes) -> Sniffed | None:
    """Signatures that other bytes may have by chance."""
    if data[4:8] in _ATOMS and data[:1] == b"\0":
        mime = "video/quicktime"
    elif data[:4] in (b"\0\0\x01\0", b"\0\0\x02\0") and data[5:6] == b"\0" and data[4:5] != b"\0":
        mime = "image/x-icon"
    elif data[:2] == b"BM" and len(data) > 26 and data[6:10] == b"\0\0\0\0" and data[15:18] == b"\0\0\0":
        mime = "image/bmp"
    elif len(data) > 376 and data[0] == data[188] == data[376] == 0x47:
        mime = "video/mp2t"
    elif data[:2] in (b"\xff\xf0", b"\xff\xf1", b"\xff\xf8", b"\xff\xf9"):
        mime = "audio/aac"
    else:
        mime = "audio/mpeg" if _is_mp3_frame(data[:4]) else ""
    return Sniffed(mime, certain=False) if mime else None


def _is_mp3_frame(head: bytes) -> bool:
    """ISO/IEC 11172-3 §2.4.1.3: eleven bits set, no field with a reserved value, layer II or III.

    Layer I is left out: nobody uses it, and its start is the byte order mark of UTF-16.
    """
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return False
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    return version != 1 and layer in (1, 2) and head[2] >> 4 not in (0, 15) and head[2] >> 2 & 3 != 3


def looks_like_svg(data: bytes) -> bool:
    """Whether a reader that goes by content would take `data` for SVG: its first element is `svg`, prefix or not."""
    return _first_element(data).rpartition(b":")[2] == b"svg"


def looks_like_html(data: bytes) -> bool:
    """Whether a browser that sniffs would render `data` as a page (WHATWG MIME Sniffing §7.1, roughly)."""
    start = data[:_LOOKED_AT].lstrip(_BLANK).lower()
    return start.startswith((b"<!doctype html", b"<script", b"<iframe")) or _first_element(data) in _HTML


_HTML = frozenset({b"html", b"head", b"body", b"title", b"script", b"iframe", b"table", b"div", b"style", b"h1", b"a"})


def _first_element(data: bytes) -> bytes:
    """The name of the first tag in the first 4 096 bytes, lower-case; prologue, comments and document type skipped."""
    rest = _as_bytes(data)[:_LOOKED_AT].lstrip(_BLANK)
    while rest.startswith((b"<!--", b"<?", b"<!")):
        mark = b"-->" if rest.startswith(b"<!--") else b"?>" if rest.startswith(b"<?") else b">"
        _, closed, rest = rest.partition(mark)
        if not closed:
            return b""
        rest = rest.lstrip(_BLANK + b"]>")
    if not rest.startswith(b"<"):
        return b""
    name = rest[1:64].split(None, 1)[0] if rest[1:2].strip() else b""
    return name.split(b">", 1)[0].rstrip(b"/").lower()


def _as_bytes(data: bytes) -> bytes:
    """UTF-16 text with its zero bytes left out, so that markup in it is seen too."""
    return data[: 2 * _LOOKED_AT].replace(b"\0", b"")[2:] if data[:2] in (b"\xff\xfe", b"\xfe\xff") else data


def visible_text(data: bytes, least: int = 8) -> bytes:
    """What can be read in a binary file: runs of `least` characters or more of UTF-8, a line each; linear.

    Zero bytes are left out first, which makes text of two bytes a character readable too.
    """
    return b"\n".join(match.group() for match in _runs(least).finditer(data.replace(b"\0", b"")))


@cache
def _runs(least: int) -> Any:  # noqa: ANN401 - the binding publishes no types
    character = rb"[\t\n\r\x20-\x7e]|[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
    return compile_linear(b"(?:%b){%d,}" % (character, least))
