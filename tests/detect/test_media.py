from __future__ import annotations

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelock.detect.media import looks_like_html, looks_like_svg, sniff, visible_text
from tests.detect.media_files import gif, jpeg, png, webp


def ftyp(brand: bytes) -> bytes:
    return b"\0\0\0\x18ftyp" + brand + bytes(12)


@pytest.mark.parametrize(("data", "mime"), [
    (png(), "image/png"),
    (jpeg(), "image/jpeg"),
    (gif(), "image/gif"),
    (webp(), "image/webp"),
    (b"II*\0" + bytes(9), "image/tiff"),
    (b"BM" + (70).to_bytes(4, "little") + bytes(4) + (54).to_bytes(4, "little") + (40).to_bytes(4, "little") + bytes(9), "image/bmp"),
    (b"\0\0\x01\0\x01\0" + bytes(16), "image/x-icon"),
    (ftyp(b"avif"), "image/avif"),
    (ftyp(b"heic"), "image/heic"),
    (ftyp(b"M4A "), "audio/mp4"),
    (ftyp(b"qt  "), "video/quicktime"),
    (ftyp(b"isom"), "video/mp4"),
    (ftyp(b"3gp5"), "video/mp4"),
    (b"\0\0\0\x08wide\0\0\0\0mdat", "video/quicktime"),
    (b"\x1aE\xdf\xa3\x01\0\0\0B\x82\x84webm", "video/webm"),
    (b"\x1aE\xdf\xa3\x01\0\0\0B\x82\x88matroska", "video/x-matroska"),
    (b"RIFF\0\0\0\0WAVEfmt ", "audio/wav"),
    (b"RIFF\0\0\0\0AVI LIST", "video/x-msvideo"),
    (b"FORM\0\0\0\0AIFF", "audio/aiff"),
    (b"OggS" + bytes(24) + b"\x01vorbis", "audio/ogg"),
    (b"OggS" + bytes(24) + b"\x80theora", "video/ogg"),
    (b"fLaC\0\0\0\x22", "audio/flac"),
    (b"ID3\x04\0\0", "audio/mpeg"),
    (b"\xff\xfb\x90\x64", "audio/mpeg"),
    (b"\xff\xf1\x50\x80", "audio/aac"),
    ((b"\x47" + bytes(187)) * 3, "video/mp2t"),
    (b"\0\0\x01\xba\x44", "video/mpeg"),
    (b"FLV\x01\x05", "video/x-flv"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c", "video/x-ms-asf"),
])  # fmt: skip
def test_the_bytes_say_what_it_is(data, mime):
    found = sniff(data)
    assert found is not None
    assert found.mime == mime


@pytest.mark.parametrize("data", [
    b"", b"BMW makes cars, and so do others in Bavaria", b'{"a": 1}', b"<html>", b"GIF", b"RIFF\0\0\0\0ABCD",
    b"%PDF-1.7", b"PK\x03\x04", b"\x1f\x8b\x08", b"\xff\xfe<\0", b"\xff\xfeh\0i\0", b"\xfe\xff\0h", b"Gather", b"\x7fELF",
])  # fmt: skip
def test_other_files_are_no_media(data):
    assert sniff(data) is None


def test_letters_that_begin_a_text_are_not_believed_against_the_server():
    assert not sniff(b"ID3 tags are described in this text").certain
    assert sniff(b"ID3\x03\0\0\0").certain


@pytest.mark.parametrize(("data", "svg", "html"), [
    (b"<svg xmlns='http://www.w3.org/2000/svg'/>", True, False),
    (b"\xef\xbb\xbf <?xml version='1.0'?>\n<!-- a > b --><!DOCTYPE svg [ <!ENTITY a 'b'> ]>\n<svg>", True, False),
    (b"<s:svg xmlns:s='http://www.w3.org/2000/svg'>", True, False),
    (b"<SVG>", True, False),
    ("<svg/>".encode("utf-16"), True, False),
    (b"<svgx>", False, False),
    (b"<!doctype html><p>", False, True),
    (b" <HTML lang=en>", False, True),
    (b"<!-- x --><script>", False, True),
    (b"<!-- never closed <svg>", False, False),
    (b"text <svg>", False, False),
    (b"<", False, False),
    (b"<div>", False, True),
])  # fmt: skip
def test_markup_is_known_by_its_first_element(data, svg, html):
    assert (looks_like_svg(data), looks_like_html(data)) == (svg, html)


@settings(max_examples=200, deadline=None)
@given(
    st.binary(max_size=64), st.sampled_from([b"", b"RIFF", b"\0\0\0\x18ftyp", b"OggS", b"BM", b"\xff", b"<!--", b"<?"])
)
def test_no_bytes_make_it_fail(data, start):
    sniff(start + data)
    looks_like_svg(start + data)
    looks_like_html(start + data)


@pytest.mark.parametrize(("data", "text"), [
    (b"\x89PNG\xff\xfean order to read\xff\x01short\x02", b"an order to read"),
    ("an order".encode("utf-16-le"), b"an order"),
    ("\u0431\u0443\u0434\u044c \u0434\u043e\u0431\u0440".encode() + b"\xff", "\u0431\u0443\u0434\u044c \u0434\u043e\u0431\u0440".encode()),
    (b"one thing\xffor another", b"one thing\nor another"),
    (b"", b""),
])  # fmt: skip
def test_what_can_be_read_in_a_binary_file(data, text):
    assert visible_text(data) == text


def test_noise_holds_next_to_nothing_to_read():
    noise = random.Random(7).randbytes(2_000_000)
    began = time.process_time()
    assert len(visible_text(noise)) < 60_000
    assert time.process_time() - began < 0.5
