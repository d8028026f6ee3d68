from __future__ import annotations

import msgspec
import pytest

from pipelock.engine import Engine, Facts, KillSwitch
from pipelock.engine.content import inspect_content
from pipelock.engine.media import MediaPolicy
from pipelock.evidence.line import audit_event
from pipelock.model import BlockReason, Decision, Severity, Transport, Verdict
from tests.detect.media_files import chunk, gif, jpeg, png, segment, webp
from tests.factories import FAKE_ORDER, a_policy, a_record, a_response

ORDER = FAKE_ORDER.encode()
STRICT = MediaPolicy(
    refused=frozenset({"audio", "video"}),
    image_types=frozenset({"image/png", "image/jpeg"}),
    clean=True,
    log=True,
    max_image_bytes=5000,
)
MP4 = b"\0\0\0\x18ftypisom" + bytes(12)
SVG = b"<svg xmlns='http://www.w3.org/2000/svg'><rect/></svg>"
SCRIPT = SVG.replace(b"<rect/>", b"<rect/><script>1</script>")


def judged(
    body: bytes, content_type: str, media: MediaPolicy = STRICT, transport=Transport.FORWARD, **policy
) -> Decision:
    engine = Engine(a_policy(media=media, **policy), KillSwitch())
    decision = engine.adjudicate(a_response(body=body, content_type=content_type, transport=transport), Facts(1.0, 1.0))
    assert isinstance(decision, Decision)
    return decision


@pytest.mark.parametrize(("body", "content_type"), [
    (png(), "image/png"), (jpeg(), "image/jpeg"), (jpeg(), "image/jpg; q=1"), (jpeg(), "IMAGE/JPEG"),
    (png(), ""), (png(), "application/octet-stream"), (png(), "text/plain"), (jpeg(), "image/png"), (SVG, "image/svg+xml"), (SVG, ""),
])  # fmt: skip
def test_a_picture_passes_and_is_recorded(body, content_type):
    decision = judged(body, content_type)
    assert (decision.verdict, decision.body) == (Verdict.ALLOW, None)
    assert [(f.rule, f.severity) for f in decision.findings] == [("Media Exposure", Severity.INFO)]
    assert audit_event(a_record(decision=decision)) == ("media_exposure", "info")


def test_nothing_is_recorded_where_nobody_wants_it():
    decision = judged(png(), "image/png", msgspec.structs.replace(STRICT, log=False))
    assert decision.findings == ()


@pytest.mark.parametrize(("body", "content_type", "rule"), [
    (MP4, "video/mp4", "Media Type"),
    (MP4, "", "Media Type"),
    (MP4, "text/html", "Media Type"),
    (b"whatever", "video/mp4", "Media Type"),
    (b"\xff\xfb\x90\x64", "audio/mpeg", "Media Type"),
    (b"\xff\xfb\x90\x64", "application/octet-stream", "Media Type"),
    (b"OggS" + bytes(40), "application/ogg", "Media Type"),
    (gif(), "image/gif", "Image Type"),
    (gif(), "image/png", "Image Type"),
    (png(), "image/gif", "Image Type"),
    (webp(), "application/octet-stream", "Image Type"),
    (b"anything", "image/x-unknown", "Image Type"),
    (b"<!doctype html><p>", "image/png", "Media Spoofing"),
    (SVG, "image/png", "Media Spoofing"),
    (b"IGNORE THIS", "image/png", "Media Spoofing"),
    (png(), "image/svg+xml", "Media Spoofing"),
    (png(), "video/webm", "Media Spoofing"),
    (png() + b"trailer", "image/png", "Broken Image"),
    (png(chunk(b"prVt", bytes(5000))), "image/png", "Image Size"),
    (b"<!DOCTYPE svg [<!ENTITY a 'b'>]>" + SVG, "image/svg+xml", "Unreadable SVG"),
    (b"no xml", "image/svg+xml", "Unreadable SVG"),
])  # fmt: skip
def test_what_does_not_pass(body, content_type, rule):
    decision = judged(body, content_type)
    assert decision.verdict is Verdict.BLOCK
    assert (decision.layer, decision.code, decision.status) == ("media_policy", BlockReason.MEDIA_POLICY, 403)
    assert decision.findings[0].rule == rule
    assert audit_event(a_record(decision=decision)) == ("media_exposure", "warn")


@pytest.mark.parametrize(("body", "content_type"), [
    (b"BM is no picture here", "text/plain"), (b"{}", "application/json"), (b"<html>", "text/html"), (b"<a/>", "text/xml"),
    (b"<p><svg><script/></svg>", "text/html"), (b"\xff\xfb\x90\x64", "application/zip"), (b"", "video/mp4"),
])  # fmt: skip
def test_what_is_no_media_is_left_alone(body, content_type):
    decision = judged(body, content_type)
    assert (decision.verdict, decision.findings) == (Verdict.ALLOW, ())


def test_the_switches():
    assert (
        judged(png(), "image/png", msgspec.structs.replace(STRICT, refused=frozenset({"image"}))).verdict
        is Verdict.BLOCK
    )
    assert judged(MP4, "video/mp4", msgspec.structs.replace(STRICT, refused=frozenset())).verdict is Verdict.ALLOW
    noted = png(chunk(b"tEXt", b"k\0v"))
    assert judged(noted, "image/png", msgspec.structs.replace(STRICT, clean=False)).body is None
    only_gif = msgspec.structs.replace(STRICT, image_types=frozenset({"image/gif"}))
    assert judged(gif(), "image/gif", only_gif).verdict is Verdict.ALLOW
    avif = msgspec.structs.replace(STRICT, image_types=frozenset({"image/avif"}))
    assert judged(b"\0\0\0\x18ftypavif", "image/avif", avif).findings[0].rule == "Broken Image"


def test_the_text_that_fetch_made_is_no_media():
    assert judged(b"\n[70 bytes of binary data]", "image/gif", transport=Transport.FETCH).verdict is Verdict.ALLOW


def test_metadata_is_taken_out_and_nothing_else():
    decision = judged(jpeg(segment(0xFE, b"a comment")), "image/jpeg")
    assert (decision.verdict, decision.body) == (Verdict.STRIP, jpeg())
    assert "13 bytes" in decision.reason


def test_an_order_in_the_metadata_is_gone_and_still_told():
    decision = judged(jpeg(segment(0xFE, ORDER)), "image/jpeg", response_action=Verdict.BLOCK)
    assert (decision.verdict, decision.body) == (Verdict.STRIP, jpeg())
    told = [f for f in decision.findings if f.scanner == "response_scan"]
    assert [(f.warns, f.place, f.span) for f in told] == [(True, "media", None)]


def test_an_order_that_is_left_is_judged_as_ever():
    body = SCRIPT.replace(b"<rect/>", b"<text>" + ORDER + b"</text>")
    assert judged(body, "image/svg+xml", response_action=Verdict.BLOCK).verdict is Verdict.BLOCK
    stripped = judged(body, "image/svg+xml", response_action=Verdict.STRIP)
    assert stripped.verdict is Verdict.STRIP
    assert ORDER not in stripped.body
    assert b"script" not in stripped.body


def test_an_svg_is_made_inert():
    decision = judged(SCRIPT, "image/svg+xml")
    assert decision.verdict is Verdict.STRIP
    assert b"<script" not in decision.body
    assert decision.findings[0].rule == "Active SVG"


def test_what_drawing_programs_leave_is_no_warning():
    decision = judged(SVG.replace(b"<rect/>", b"<!-- made by hand --><rect/>"), "image/svg+xml")
    assert (decision.verdict, decision.findings[0].rule) == (Verdict.STRIP, "SVG Metadata")
    assert b"hand" not in decision.body


def test_a_second_content_type_hides_nothing():
    headers = (("content-type", "text/plain"), ("content-type", "image/svg+xml"))
    engine = Engine(a_policy(media=STRICT), KillSwitch())
    decision = engine.adjudicate(a_response(body=SCRIPT, content_type="text/plain", headers=headers), Facts(1.0, 1.0))
    assert decision.verdict is Verdict.STRIP
    assert b"<script" not in decision.body


def test_where_nothing_is_enforced_nothing_is_changed():
    decision = judged(jpeg(segment(0xFE, b"a comment")), "image/jpeg", enforce=False)
    assert (decision.verdict, decision.body) == (Verdict.ALLOW, None)
    blocked = judged(MP4, "video/mp4", enforce=False)
    assert (blocked.verdict, blocked.enforced) == (Verdict.WARN, False)


def test_an_exempt_host_is_exempt_from_reading_alone():
    from pipelock.detect.hosts import HostSet  # noqa: PLC0415

    policy = a_policy(media=STRICT, response_exempt=HostSet(["example.com"]))
    content = inspect_content(a_response(body=MP4, content_type="video/mp4"), policy)
    assert [f.rule for f in content.findings] == ["Media Type"]
