"""Which requests for a part of something are passed on (RFC 9110 §14).

A part of a document can't be judged like the whole: it may begin behind the words that make the rest an order, and of
an image or an agent's card it is no image and no card. A server may ignore Range, so it never hears of one, and the
client gets the whole.

Archives, packages, models and disk images are the exception. They are large, so that downloads are resumed and tools
read a directory at their end; and what is in them is read by programs, which unpack it first. A part of one is judged
like any body that flows through in windows. What a URL names is the client's word for what it asks for, and a server
that sends something else gains nothing: the answer is judged by its bytes, whatever it is called.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import unquote

__all__ = ["may_ask_for_part"]

_ENDINGS = (
    *(".7z", ".apk", ".appimage", ".bz2", ".cab", ".conda", ".crate", ".deb", ".dmg", ".egg", ".gem", ".gz", ".iso"),
    *(".jar", ".lz4", ".msi", ".nupkg", ".ova", ".pack", ".pkg", ".rar", ".rpm", ".snap", ".tar", ".tgz", ".txz"),
    *(".vhdx", ".vmdk", ".vsix", ".war", ".whl", ".xz", ".zip", ".zst", ".qcow2", ".img", ".exe"),
    *(".ckpt", ".ggml", ".gguf", ".h5", ".npy", ".npz", ".onnx", ".parquet", ".pt", ".pth", ".safetensors", ".tflite"),
)
_MAX_LENGTH = 8_192
_MAX_DIGITS = 19


def may_ask_for_part(method: str, path_query: str, headers: Iterable[tuple[str, str]]) -> bool:
    """Whether the Range (and If-Range) of a request goes out: one range of bytes of what is named like an archive.

    Args:
        method: GET alone has ranges.
        path_query: Of the URL. Names are looked for at the end of the path, and behind `filename=` in the query, where
            stores that sign their links put them.
        headers: The request's, names in lower case.
    """
    if method != "GET" or len(path_query) > _MAX_LENGTH:
        return False
    ranges = [value for name, value in headers if name == "range"]
    return len(ranges) == 1 and _is_one_range(ranges[0]) and _names_archive(path_query)


def _is_one_range(value: str) -> bool:
    unit, equals, spec = value.partition("=")
    first, hyphen, last = spec.partition("-")
    digits = first + last
    return bool(
        unit.strip().lower() == "bytes"
        and equals
        and hyphen
        and digits.isascii()
        and digits.isdigit()
        and max(len(first), len(last)) <= _MAX_DIGITS
    )


def _names_archive(path_query: str) -> bool:
    path, _, query = path_query.partition("?")
    if unquote(path).lower().endswith(_ENDINGS):
        return True
    _, found, rest = unquote(query).lower().partition("filename=")
    name = rest.lstrip('"').partition('"')[0].partition(";")[0].partition("&")[0]
    return bool(found) and name.endswith(_ENDINGS)
