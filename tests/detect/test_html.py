"""Pages as text: tags that are read once do the same every time."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelock.detect import html
from pipelock.detect.html import HtmlText

_PARTS = (
    "<b>", "</b>", "<p>", "</p>", "<pre>", "</pre>", "<div hidden>", "</div>", "<object>", "</object>", "<br>",
    '<a href="x>y">', "<a b=", '"', "'", ">", "<", "=", "\n", "\t", "&am", "p;", "&#65;", "<!--", "-->", "<script>",
    "</script>", "<title>", "</title>", "é", "word", "two words", "</1", "<P>", "\udcff",
)  # fmt: skip


@pytest.mark.parametrize(
    ("page", "text", "hidden"),
    [
        ("<p>one</p><p>two</p>", "one\n\ntwo", ""),
        ("a<b>c</b>d<b>e</b>", "acde", ""),
        ("<div hidden>a<b>c</b><b>d</b></div>e", "e", "acd"),
        ("<object><p>a</p><p>b</p></object><p>c</p>", "c", "a\n\nb"),
        ("<b>a</b><pre>b  c\nd<b> e</b></pre> <b>f  g</b>", "a\nb  c\nd e\nf g", ""),
        ('<a b="1>2">c</a> <a b="1>2">d</a>', "c d", ""),
        ('<a b=">c</a><a b=">d</a>', "d", ""),
        ('<a "b=">x">y', "y", ""),
        ("&am<b>p;</b>&amp;", "&amp;&", ""),
        ("<!--one\ntwo-->three", "three", "one\ntwo"),
        ("a\nb<br>c", "a b\nc", ""),
        ("1 < 2 <3> </4>5", "1 < 2 <3> 5", ""),
        ("<title>t</title><textarea><b>x</textarea><script>y</script>", "<b>x", ""),
        ("a<b", "a", ""),
    ],
)
def test_what_a_page_shows_and_what_it_hides(page: str, text: str, hidden: str) -> None:
    found = HtmlText(page, 1_000)
    assert (found.text, found.hidden, found.truncated) == (text, hidden, False)


@settings(max_examples=150)
@given(st.lists(st.sampled_from(_PARTS), max_size=30).map("".join))
def test_a_tag_that_is_remembered_does_what_one_does_that_is_read(page: str) -> None:
    quick = HtmlText(page, 1_000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(html, "_read_tag", lambda _text: None)
        slow = HtmlText(page, 1_000)
    assert (quick.title, quick.text, quick.hidden) == (slow.title, slow.text, slow.hidden)


def test_what_is_too_long_is_cut_and_says_so() -> None:
    found = HtmlText("<p>abc</p><!--def-->", 2)
    assert (found.text, found.hidden, found.truncated) == ("ab", "de", True)
