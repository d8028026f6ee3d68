"""Pages as text: what is shown, what is hidden, and that hostile pages cost what honest ones do."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock.detect.html_entities import resolve_entities
from pipelock.proxy.readable import MAX_TEXT, Readable, readable

HTML = "text/html; charset=utf-8"


def text_of(page: str) -> str:
    return readable(page.encode(), HTML).text


SHOWN = [
    ("<p>one</p><p>two", "one\n\ntwo"),
    ("<P>one<BR>two</P>", "one\ntwo"),
    ("a\n  b\t c", "a b c"),
    ("<b>a</b><i>b</i>", "ab"),
    ("<div>a</div>\n\n<div></div><div></div><div>b</div>", "a\n\nb"),
    ("a &lt;b&gt; &amp; &eacute; &#x41;&#66;", "a <b> & é AB"),
    ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
    ("a<3", "a<3"),
    ("<a href='x>y'>link</a>", "link"),
    ('<a title=">" href="?a=b">link</a>', "link"),
    ('<a href=x=y">link</a>', "link"),
    ("<a href = 'x>y' >link</a >", "link"),
    ("<img alt='x'>after", "after"),
    ("<script>if (a < b) { '</p>' }</script>shown", "shown"),
    ("<SCRIPT>x</sCrIpT >shown", "shown"),
    ("<style>p { color: red }</style>shown", "shown"),
    ("<svg><text>drawn</text></svg>shown", "shown"),
    ("<textarea><p>typed</textarea>", "<p>typed"),
    ("<xmp><b></xmp>", "<b>"),
    ("<pre>  a\n    b\tc</pre>after", "  a\n    b    c\nafter"),
    ("<!doctype html><?xml?></>shown", "shown"),
    ("<!-->shown", "shown"),
    ("<!--->shown", "shown"),
    ("<!-- a --!>shown", "shown"),
    ("<noscript>shown</noscript>", "shown"),
    ("<ul><li>a<li>b</ul>", "a\nb"),
    ("<p hidden-by-name>shown", "shown"),
    ("<p style='color:red'>shown", "shown"),
    ("<p style='opacity:0.5'>shown", "shown"),
    ("</p></div>shown", "shown"),
    ("<p", ""),
    ("shown<p title='", "shown"),
    ("shown<!-- never ends", "shown"),
    ("shown<script>never ends", "shown"),
    ("", ""),
]


@pytest.mark.parametrize(("page", "expected"), SHOWN)
def test_shown(page: str, expected: str) -> None:
    assert text_of(page) == expected


HIDDEN = [
    ("<!-- secret -->", "shown"),
    ("<p hidden>secret</p>", "shown"),
    ("<p hidden=''>secret</p>", "shown"),
    ("<p class='x' HIDDEN>secret</p>", "shown"),
    ("<div style='display: none'><b>secret</b></div>", "shown"),
    ('<div style="color:red;DISPLAY :none;">secret</div>', "shown"),
    ("<span style='visibility:hidden'>secret</span>", "shown"),
    ("<span style='font-size:0px'>secret</span>", "shown"),
    ("<span style='opacity:0;'>secret</span>", "shown"),
    ("<span aria-hidden='true'>secret</span>", "shown"),
    ("<template><p>secret</p></template>", "shown"),
    ("<div hidden><div>inner</div>secret</div>", "shown"),
    ("<div hidden><p>secret<br></div>", "shown"),
]


@pytest.mark.parametrize(("page", "shown"), HIDDEN)
def test_hidden(page: str, shown: str) -> None:
    seen = readable(f"{page}{shown}".encode(), HTML)
    assert seen.text == shown
    assert "secret" in seen.hidden


def test_title() -> None:
    seen = readable(b"<title> A\n &amp; B </title><title>second</title><p>x", HTML)
    assert (seen.title, seen.text) == ("A & B", "x")


@pytest.mark.parametrize(
    ("data", "content_type", "expected"),
    [
        ("é".encode(), "text/plain", "é"),
        (b"\xe9", "text/plain; charset=ISO-8859-1", "é"),
        (b"\x93x\x94", 'text/plain; charset="latin1"', "“x”"),
        ("é".encode("utf-16-le"), "text/plain; charset=utf-16le", "é"),
        (b"\xff\xfe" + "é".encode("utf-16-le"), "text/plain", "é"),
        (b"\xfe\xff" + "é".encode("utf-16-be"), "text/plain; charset=utf-8", "é"),
        (b"\xef\xbb\xbfx", "text/plain; charset=latin1", "x"),
        (b"\xe9", "text/plain", "\ufffd"),
        (b"x", "text/plain; charset=rot13", "x"),
        (b"x", "text/plain; charset=" + "a" * 10_000, "x"),
        (b'{"a": "<b>"}', "application/json", '{"a": "<b>"}'),
        (b"<p>x</p>", "text/plain", "<p>x</p>"),
        (b"<!DOCTYPE html><p>x</p>", "", "x"),
        (b"<p>x</p>", "application/xhtml+xml", "x"),
        (b"\x89PNG\0\0", "image/png", "[6 bytes of binary data]"),
        (b"", "", ""),
    ],
)
def test_kinds_of_content(data: bytes, content_type: str, expected: str) -> None:
    assert readable(data, content_type).text == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("&amp;lt;", "&lt;"),
        ("&ampx", "&x"),
        ("&notit;", "¬it;"),
        ("&nothing;", "¬hing;"),
        ("&zzz;", "&zzz;"),
        ("&", "&"),
        ("&;", "&;"),
        ("&#;", "&#;"),
        ("&#x;", "&#x;"),
        ("&#0;", "\ufffd"),
        ("&#xD800;", "\ufffd"),
        ("&#x110000;", "\ufffd"),
        ("&#65x", "Ax"),
        ("&#0000000000000000000000065;", "A"),
        ("&#" + "9" * 10_000 + ";", "\ufffd"),
        ("&#\u0661;", "&#\u0661;"),
    ],
)
def test_entities(text: str, expected: str) -> None:
    assert resolve_entities(text) == expected


def test_too_much_text_is_cut() -> None:
    assert readable(b"x" * (MAX_TEXT + 1), "text/plain") == Readable("", "x" * MAX_TEXT, truncated=True)
    assert readable(b"x" * (MAX_TEXT + 1), HTML).truncated


HOSTILE = [
    b"<",
    b"<a",
    b"<a ",
    b"<!--",
    b"<!-- --!",
    b"<a b=c ",
    b"<a b=\"c' ",
    b"<a b='",
    b"<a='>'",
    b"</a",
    b"<p hidden>",
    b"<div hidden></p>",
    b"<script>",
    b"</script",
    b"<title>",
    b"&",
    b"&#",
    b"&amp",
    b"<pre> ",
    b"\n<br>",
    b"<x y=z>",
    b"<!",
    b"<?",
]


@pytest.mark.parametrize("piece", HOSTILE)
def test_hostile_pages_are_read_in_linear_time(piece: bytes) -> None:
    def seconds(size: int) -> float:
        page = piece * (size // len(piece))
        best = 1e9
        for _ in range(2):
            start = time.process_time()
            readable(page, HTML)
            best = min(best, time.process_time() - start)
        return best

    # Quadratic work would take 64 times as long for eight times the page.
    assert seconds(320_000) < 24 * max(seconds(40_000), 0.005)


@given(
    st.text(max_size=200)
    | st.lists(
        st.sampled_from(
            [*(piece.decode() for piece in HOSTILE), ">", "x", "-->", "'", '"', "</p>", "</div>", "</script>"]
        ),
        max_size=40,
    ).map("".join)
)
def test_any_page_is_read(page: str) -> None:
    seen = readable(page.encode("utf-8", "surrogatepass"), HTML)
    assert len(seen.text) + len(seen.hidden) <= 2 * MAX_TEXT
    assert "\ue000" not in seen.text
