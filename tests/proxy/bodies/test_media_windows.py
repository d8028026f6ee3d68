"""Images, sound and film that are larger than what is held: by their bytes, whatever they are called."""

from __future__ import annotations

import random

import pytest

from pipelock.engine.media import MediaPolicy
from pipelock.model import BlockReason, Direction
from pipelock.proxy.bodies.window import WINDOW
from tests.detect.media_files import png
from tests.factories import FAKE_ORDER, a_policy, a_response
from tests.proxy.bodies.streams import Stream

NOISE = random.Random(9).randbytes(3 * WINDOW)
MEDIA = MediaPolicy(
    refused=frozenset({"audio"}),
    image_types=frozenset({"image/png", "image/jpeg"}),
    clean=True,
    log=False,
    max_image_bytes=10 * WINDOW,
)
FILM = b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41"
SOUND = b"fLaC\0\0\0\x22"


def streamed(body: bytes, content_type: str, whole: int = 0) -> Stream:
    action = a_response(content_type=content_type, direction=Direction.INBOUND)
    stream = Stream(action, a_policy(media=MEDIA), whole=whole)
    stream.feed(body, 50_000).finish()
    return stream


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (png()[:-12] + NOISE, "image/png"),
        (png()[:-12] + NOISE, "application/octet-stream"),
        (png()[:-12] + NOISE, "text/plain"),
        (NOISE, "image/png"),
        (b"<html>" + NOISE, "image/png"),
        (SOUND + NOISE, "audio/flac"),
        (SOUND + NOISE, "text/plain"),
        (SOUND + NOISE, "application/zip"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'>" + b"<g/>" * WINDOW, "image/svg+xml"),
    ],
    ids=["image", "image of no type", "image called text", "no image", "page called image", "sound", "sound called text",
         "sound called archive", "drawing"],
)  # fmt: skip
def test_it_is_refused_before_a_byte_has_passed(body: bytes, content_type: str) -> None:
    stream = streamed(body, content_type)
    assert stream.sink.events == ["refused"]
    assert stream.sink.refusal is not None
    assert stream.sink.refusal[1].code is BlockReason.MEDIA_POLICY


@pytest.mark.parametrize("content_type", ["video/mp4", "text/plain", ""])
def test_film_passes_where_it_may_whatever_it_is_called(content_type: str) -> None:
    assert streamed(FILM + NOISE, content_type).sink.passed == FILM + NOISE


def test_an_image_that_is_held_whole_passes() -> None:
    assert streamed(png(), "image/png", whole=WINDOW).sink.passed == png()


@pytest.mark.parametrize("at", [10, WINDOW - 20, 2 * WINDOW])
def test_an_order_in_a_film_is_found(at: int) -> None:
    stream = streamed(FILM + NOISE[:at] + b"\0" + FAKE_ORDER.encode() + b"\0" + NOISE, "video/mp4")
    assert stream.sink.events[-1] == "refused"
    assert len(stream.sink.passed) < at + len(FILM)
