"""Images without what they hold beside the picture: comments, EXIF, XMP, text and private blocks.

Nothing is decoded or encoded anew: the file's own blocks are copied or left out. A file that ends too early or goes on
behind its end is refused, because two readers could see two things in it.

Every parser is linear in the size of the file, and raises nothing but `MediaError`. The text of what was left out is
returned, at most `MAX_TEXT` bytes of it, for whoever wants to know what was to be read there.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable

from pipelock.detect._media_parts import Cleaned, MediaError, Parts
from pipelock.detect.media_gif import clean_gif
from pipelock.detect.media_jpeg import clean_jpeg
from pipelock.detect.media_png import clean_png
from pipelock.detect.media_webp import clean_webp

__all__ = ["CLEANABLE", "Cleaned", "MediaError", "clean"]

_CLEANERS: dict[str, Callable[[bytes, Parts], None]] = {
    "image/jpeg": clean_jpeg,
    "image/png": clean_png,
    "image/gif": clean_gif,
    "image/webp": clean_webp,
}
CLEANABLE = frozenset(_CLEANERS)
"""Media types whose metadata can be taken out."""


def clean(data: bytes, mime: str) -> Cleaned:
    """`data`, an image of type `mime`, without its metadata.

    Raises:
        MediaError: broken, cut off, with bytes behind its end, or of a type not in `CLEANABLE`.
    """
    cleaner = _CLEANERS.get(mime)
    if cleaner is None:
        raise MediaError(f"the metadata of {mime} can't be taken out")
    parts = Parts()
    try:
        cleaner(data, parts)
    except (IndexError, zlib.error) as error:
        raise MediaError("the image is cut off or broken") from error
    return parts.cleaned(data)
