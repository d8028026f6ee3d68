from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelock.detect.svg import SvgError, make_inert

NS = 'xmlns="http://www.w3.org/2000/svg"'
XLINK = 'xmlns:xlink="http://www.w3.org/1999/xlink"'
SHAPE = '<rect width="1" height="1" fill="red"/>'


def svg(inside: str, extra: str = "") -> bytes:
    return f"<svg {NS} {XLINK} {extra}>{inside}</svg>".encode()


def inert(inside: str, extra: str = "") -> tuple[str, tuple[str, ...]]:
    result = make_inert(svg(inside, extra))
    return result.data.decode(), result.removed


@pytest.mark.parametrize("inside", [
    SHAPE,
    "<g transform='scale(2)'><path d='M0 0'/></g>\n <defs><linearGradient id='a'/></defs><rect fill='url(#a)'/>",
    "<text x='1'>Hello <tspan font-weight='bold'>you</tspan></text><title>A title</title>",
    "<style>.a { fill: url('#b'); stroke: red }</style>",
    "<use href='#a'/><use xlink:href='#b'/>",
    "<image href='data:image/png;base64,AAAA'/>",
    "<circle r='1'><animate attributeName='opacity' from='0' to='1'/></circle>",
    "<rect style='fill: red; opacity: 0.5'/>",
    "<g opacity='0'><rect/></g>",
])  # fmt: skip
def test_a_drawing_stays_as_it_is(inside):
    data = svg(inside)
    assert make_inert(data) == (data, ())


@pytest.mark.parametrize(("inside", "what"), [
    ("<script>alert(1)</script>", "script"),
    ("<x:script xmlns:x='http://www.w3.org/2000/svg'>EVIL</x:script>", "script"),
    ("<foreignObject><p xmlns='http://www.w3.org/1999/xhtml'>EVIL</p></foreignObject>", "foreignObject"),
    ("<h:p xmlns:h='http://www.w3.org/1999/xhtml'>EVIL</h:p>", "foreign content"),
    ("<metadata>EVIL</metadata>", "metadata"),
    ("<blink>EVIL</blink>", "unknown element"),
    ("<rect onclick='EVIL'/>", "handler"),
    ("<rect ONLOAD='EVIL'/>", "handler"),
    ("<a href='javascript:EVIL'><rect/></a>", "reference"),
    ("<a xlink:href='#EVIL'/>", "reference"),
    ("<image href='https://EVIL.example/x.png'/>", "reference"),
    ("<image href='data:image/svg+xml;base64,EVIL'/>", "reference"),
    ("<use href='other.svg#EVIL'/>", "reference"),
    ("<rect fill='url(http://EVIL)'/>", "reference"),
    ("<rect style='fill:url(  \"//EVIL\")'/>", "reference"),
    ("<rect style='fill:u\\72l(//EVIL)'/>", "reference"),
    ("<g xml:base='http://EVIL/'/>", "reference"),
    ("<style>@import 'EVIL';</style>", "style sheet"),
    ("<style>a{background:url(EVIL)}</style>", "style sheet"),
    ("<style>text { display : none } /* EVIL */</style>", "style sheet"),
    ("<set attributeName='href' to='EVIL'/>", "animation"),
    ("<animate attributeName='xlink:href' values='EVIL'/>", "animation"),
    ("<set attributeName='onclick' to='EVIL'/>", "animation"),
    ("<!-- EVIL -->", "comment"),
    ("<?xml-stylesheet href='EVIL'?>", "processing instruction"),
    ("<text display='none'>EVIL</text>", "hidden content"),
    ("<g style='display:none !important'><text>EVIL</text></g>", "hidden content"),
    ("<text visibility='hidden'>EVIL</text>", "hidden text"),
    ("<g opacity='0'><text>EVIL</text></g>", "hidden text"),
    ("<g font-size='0.1'><text><tspan>EVIL</tspan></text></g>", "hidden text"),
    ("<text fill='none'>EVIL</text>", "hidden text"),
    ("<text fill-opacity='1%'>EVIL</text>", "hidden text"),
    ("<text x='-99999'>EVIL</text>", "hidden text"),
    ("<g>EVIL</g>", "hidden text"),
])  # fmt: skip
def test_what_acts_or_hides_goes_and_the_drawing_stays(inside, what):
    text, removed = inert(inside + SHAPE)
    assert what in removed
    assert "EVIL" not in text
    assert 'fill="red"' in text
    again = make_inert(text.encode())
    assert again.removed == ()


@pytest.mark.parametrize("data", [
    b"", b"<svg", b"not xml", b"<html/>", b"<svg xmlns='http://evil.example'/>", svg("<g>"), b"\x1f\x8b\x08",
    b"<!DOCTYPE svg [<!ENTITY a 'b'>]>" + svg("&a;"),
    b"<!DOCTYPE svg [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>" + svg("&a;"),
    b"<!DOCTYPE svg [ ]>" + svg(SHAPE),
    b"<!DOCTYPE svg SYSTEM 'x.dtd'>" + svg("&a;"),
    svg("&undefined;"),
    svg("<g>" * 300 + "</g>" * 300),
    b"<?xml version='1.0' encoding='no-such-thing'?>" + svg(SHAPE),
])  # fmt: skip
def test_what_has_more_than_one_reading_is_refused(data):
    with pytest.raises(SvgError):
        make_inert(data)


def test_the_usual_document_type_is_no_offence():
    data = b'<?xml version="1.0"?><!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/svg11.dtd">' + svg(
        SHAPE
    )
    result = make_inert(data)
    assert result.removed == ("document type",)
    assert b"DTD" not in result.data


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_what_is_written_is_ascii_whatever_was_read(encoding):
    data = f'<svg {NS}><text>\u00e9\u4e2d & < "</text><script/></svg>'.replace("& <", "&amp; &lt;").encode(encoding)
    result = make_inert(data)
    assert result.data.isascii()
    assert b"&#233;&#20013; &amp; &lt;" in result.data


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(["<g>", "</g>", "<script>", "</script>", "<text>", "</text>", "EVIL", "&amp;", "<!--", "-->", "<a href='x'>", "</a>", "<style>", "</style>", "]]>", "<![CDATA[", " onload='EVIL'"]), max_size=12))  # fmt: skip
def test_it_fails_with_its_own_error_or_comes_out_inert(parts):
    try:
        result = make_inert(svg("".join(parts)))
    except SvgError:
        return
    assert make_inert(result.data).removed == ()
    assert b"<script" not in result.data


@pytest.mark.parametrize("piece", ["<g/>", "<g a='&lt;'/>", "a&#10;", "<text x='1'>a</text>", "<!---->"])
def test_hostile_documents_cost_little(piece):
    data = svg(piece * (200_000 // len(piece)))
    began = time.process_time()
    make_inert(data)
    assert time.process_time() - began < 5.0
