from __future__ import annotations

import struct
import time
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelock.detect.media_clean import CLEANABLE, MediaError, clean
from tests.detect.media_files import (
    FRAME,
    GIF_LOOP,
    NOTE,
    PIXELS,
    PROFILE,
    SCAN,
    VP8,
    blocks,
    chunk,
    extended,
    gif,
    jpeg,
    png,
    riff,
    segment,
    webp,
)

WIDE = NOTE.decode().encode("utf-16-le")
ICC = segment(0xE2, b"ICC_PROFILE\0\x01\x01" + PROFILE)
PNG_ICC = chunk(b"iCCP", b"p\0\0" + zlib.compress(PROFILE))

DROPPED = [
    *(("image/jpeg", jpeg(segment(0xE0 + n, b"Exif\0\0" + NOTE)), jpeg()) for n in range(16)),
    ("image/jpeg", jpeg(segment(0xFE, NOTE)), jpeg()),
    ("image/jpeg", jpeg(segment(0xFE, WIDE)), jpeg()),
    ("image/jpeg", jpeg(segment(0xE2, b"ICC_PROFILE\0\x01\x01" + NOTE)), jpeg()),
    ("image/jpeg", jpeg(segment(0xEE, b"Adobe\0" + NOTE)), jpeg()),
    ("image/jpeg", jpeg(scan=SCAN + segment(0xFE, NOTE) + SCAN), jpeg(scan=SCAN + SCAN)),
    ("image/png", png(chunk(b"tEXt", b"Comment\0" + NOTE)), png()),
    ("image/png", png(chunk(b"zTXt", b"Comment\0\0" + zlib.compress(NOTE))), png()),
    ("image/png", png(chunk(b"iTXt", b"Comment\0\x01\0en\0\0" + zlib.compress(NOTE))), png()),
    ("image/png", png(chunk(b"iTXt", b"Comment\0\0\0en\0\0" + NOTE)), png()),
    ("image/png", png(chunk(b"eXIf", NOTE)), png()),
    ("image/png", png(chunk(b"prVt", NOTE)), png()),
    ("image/png", png(chunk(b"gAMA", NOTE)), png()),
    ("image/png", png(chunk(b"tIME", NOTE)), png()),
    ("image/png", png(chunk(b"iCCP", b"p\0\0" + zlib.compress(NOTE))), png()),
    ("image/png", png(chunk(b"iCCP", NOTE + b"\0\0" + zlib.compress(PROFILE) + NOTE)), png()),
    ("image/gif", gif(b"\x21\xfe" + blocks(NOTE)), gif()),
    ("image/gif", gif(b"\x21\x01" + blocks(bytes(12), NOTE)), gif()),
    ("image/gif", gif(b"\x21\xff" + blocks(b"XMP DataXMP", NOTE)), gif()),
    ("image/gif", gif(b"\x21\xff" + blocks(b"NETSCAPE2.0", b"\x01\0\0", NOTE)), gif()),
    ("image/gif", gif(b"\x21\xaa" + blocks(NOTE)), gif()),
    ("image/webp", webp(extended(0x0C), VP8, riff(b"EXIF", NOTE)), webp(extended(0), VP8)),
    ("image/webp", webp(extended(0x2C), riff(b"ICCP", NOTE), VP8), webp(extended(0), VP8)),
    ("image/webp", webp(VP8, riff(b"XMP ", NOTE)), webp(VP8)),
    ("image/webp", webp(VP8, riff(b"abcd", NOTE)), webp(VP8)),
    (
        "image/webp",
        webp(extended(2), riff(b"ANIM", bytes(6)), riff(b"ANMF", bytes(16) + VP8 + riff(b"abcd", NOTE))),
        webp(extended(2), riff(b"ANIM", bytes(6)), riff(b"ANMF", bytes(16) + VP8)),
    ),
]


@pytest.mark.parametrize(("mime", "data", "left"), DROPPED)
def test_what_is_not_the_picture_goes_and_its_text_is_told(mime, data, left):
    cleaned = clean(data, mime)
    assert cleaned.data == left
    assert NOTE in cleaned.texts
    assert cleaned.removed == len(data) - len(left)
    assert clean(cleaned.data, mime).data == left


@pytest.mark.parametrize(("mime", "data"), [
    ("image/jpeg", jpeg()),
    ("image/jpeg", jpeg(ICC)),
    ("image/jpeg", jpeg(segment(0xEE, b"Adobe\0\x64\0\0\0\0\x01"))),
    ("image/jpeg", jpeg(scan=SCAN + segment(0xC4, bytes(20)) + SCAN)),
    ("image/png", png()),
    ("image/png", png(chunk(b"gAMA", bytes(4)), PNG_ICC, chunk(b"pHYs", bytes(9)), chunk(b"PLTE", bytes(6)))),
    ("image/png", png(chunk(b"acTL", bytes(8)), chunk(b"fcTL", bytes(26)), PIXELS, chunk(b"fdAT", bytes(90)))),
    ("image/gif", gif(GIF_LOOP, b"\x21\xf9" + blocks(bytes(4)))),
    ("image/webp", webp()),
    ("image/webp", webp(extended(0x20), riff(b"ICCP", PROFILE), riff(b"ALPH", b"abc"), VP8)),
])  # fmt: skip
def test_a_picture_stays_byte_by_byte(mime, data):
    cleaned = clean(data, mime)
    assert cleaned.data == data
    assert cleaned.removed == 0


def test_a_jfif_thumbnail_goes_and_the_header_stays():
    data = jpeg().replace(segment(0xE0, jpeg()[6:20]), segment(0xE0, jpeg()[6:18] + b"\x02\x02" + NOTE[:12]))
    cleaned = clean(data, "image/jpeg")
    assert cleaned.data == jpeg()
    assert NOTE[:12] in cleaned.texts


BROKEN = [
    ("image/jpeg", jpeg(end=b"")),
    ("image/jpeg", jpeg(end=b"\xff\xd9\n")),
    ("image/jpeg", jpeg(end=b"\xff\xd9" + NOTE)),
    ("image/jpeg", jpeg(scan=b"")),
    ("image/jpeg", jpeg().replace(FRAME, b"")),
    ("image/jpeg", jpeg(b"\x00" + NOTE)),
    ("image/jpeg", jpeg(b"\xff\xd8")),
    ("image/jpeg", jpeg(b"\xff\xfe\x00\x01")),
    ("image/png", png(end=NOTE)),
    ("image/png", png()[:-12]),
    ("image/png", png()[:-1]),
    ("image/png", png().replace(PIXELS, b"")),
    ("image/png", png(chunk(b"IHDR", bytes(13)))),
    ("image/png", png(chunk(b"CODE", NOTE))),
    ("image/png", png(chunk(b"tEXt", NOTE)[:-1] + b"?")),
    ("image/png", png(chunk(b"PLTE", bytes(769)))),
    ("image/gif", gif(end=b"")),
    ("image/gif", gif(end=b"\x3b" + NOTE)),
    ("image/gif", gif(b"\x99")),
    ("image/webp", webp() + NOTE),
    ("image/webp", webp()[:-2]),
    ("image/webp", webp(riff(b"EXIF", NOTE))),
    ("image/webp", webp(VP8, riff(b"ANMF", bytes(3)))),
    ("image/avif", b"\0\0\0\x18ftypavif"),
    *((mime, b"") for mime in sorted(CLEANABLE)),
    *((mime, NOTE) for mime in sorted(CLEANABLE)),
]


@pytest.mark.parametrize(("mime", "data"), BROKEN)
def test_a_file_that_is_not_whole_is_refused(mime, data):
    with pytest.raises(MediaError) as caught:
        clean(data, mime)
    assert NOTE.decode() not in str(caught.value)


WHOLE = {
    "image/jpeg": jpeg(ICC),
    "image/png": png(PNG_ICC),
    "image/gif": gif(GIF_LOOP),
    "image/webp": webp(extended(0), VP8),
}


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(WHOLE)), st.integers(0, 400), st.binary(max_size=6), st.integers(0, 3))
def test_damage_is_refused_or_comes_out_clean_but_never_crashes(mime, at, bytes_, cut):
    data = WHOLE[mime]
    at %= len(data)
    data = data[:at] + bytes_ + data[at + cut :]
    try:
        cleaned = clean(data, mime)
    except MediaError:
        return
    again = clean(cleaned.data, mime)
    assert again.data == cleaned.data
    assert len(cleaned.data) <= len(data)


def test_bombs_yield_no_more_text_than_is_looked_at():
    bomb = zlib.compress(bytes(b"a" * 20_000_000))
    data = png(*[chunk(b"zTXt", b"k\0\0" + bomb)] * 20)
    began = time.process_time()
    assert len(clean(data, "image/png").texts) <= 270_000
    assert time.process_time() - began < 1.0


@pytest.mark.parametrize(("mime", "data"), [
    ("image/jpeg", jpeg(scan=SCAN + b"\xff\x00" * 100_000)),
    ("image/jpeg", jpeg(*[segment(0xFE, b"")] * 50_000)),
    ("image/png", png(*[chunk(b"teXt")] * 16_000)),
    ("image/gif", gif(b"\x21\xfe" + b"\x01a" * 100_000 + b"\0")),
    ("image/webp", webp(VP8, *[struct.pack("<4sI", b"abcd", 0)] * 25_000)),
])  # fmt: skip
def test_many_small_parts_cost_little(mime, data):
    began = time.process_time()
    clean(data, mime)
    assert time.process_time() - began < 0.5
