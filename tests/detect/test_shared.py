"""What forms of one text share."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from pipelock.detect._shared import SMALLEST, Seen, unshared

LINES = b"".join(b"line %d of a text that is told by its number, %d\n" % (number, number**3) for number in range(800))
EDITS = st.lists(
    st.tuples(st.integers(0, len(LINES)), st.integers(0, 900), st.binary(max_size=60)), min_size=1, max_size=6
)


def edited(text: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    """`text` with bytes of it replaced."""
    for at, size, new in edits:
        text = text[:at] + new + text[at + size :]
    return text


@settings(max_examples=60, deadline=None)
@given(edits=EDITS, margin=st.sampled_from([1, 64, 640]))
def test_all_that_is_left_out_stands_in_the_other_text_with_what_is_around_it(
    edits: list[tuple[int, int, bytes]], margin: int
) -> None:
    data = edited(LINES, edits)
    ranges = unshared(data, LINES, margin)
    ends = [0, *[at for one in ranges for at in one], len(data)]
    assert ends == sorted(ends)
    for left, right in zip(ends[::2], ends[1::2], strict=True):
        if left < right:
            around = data[max(0, left - margin) : right + margin]
            if left < margin:
                assert LINES.startswith(around)
            if right > len(data) - margin:
                assert LINES.endswith(around)
            assert around in LINES


def test_one_change_leaves_little() -> None:
    for at, size, new in ((20_000, 0, b"more"), (20_000, 300, b""), (20_000, 5_000, b"x"), (20_000, 0, b"y" * 200)):
        left = sum(end - start for start, end in unshared(edited(LINES, [(at, size, new)]), LINES, 500))
        assert 500 <= left < 2_500


def test_the_same_text_leaves_nothing() -> None:
    assert unshared(LINES, LINES, 500) == []
    assert unshared(LINES[:-1], LINES, 500)[-1][1] == len(LINES) - 1


def test_the_end_of_a_text_is_no_inside() -> None:
    assert unshared(LINES, LINES + b"more", 500) == [(len(LINES) - 500, len(LINES))]
    assert unshared(LINES, b"more" + LINES, 500)[0] == (0, 500)


def test_texts_that_share_nothing_and_texts_with_many_changes() -> None:
    other = LINES.swapcase()
    assert unshared(other, LINES, 64) == [(0, len(other))]
    dense = LINES.replace(b"o", b"")
    assert sum(end - start for start, end in unshared(dense, LINES, 640)) == len(dense)


def test_news_of_forms() -> None:
    seen = Seen(256)
    form = edited(LINES, [(30_000, 2, b"")])
    assert seen.news(LINES) == [(0, len(LINES))]
    assert seen.news(LINES[: SMALLEST - 1]) == [(0, SMALLEST - 1)]
    (only,) = seen.news(form)
    assert only[0] < 30_000 < only[1] < only[0] + 1_000
    assert seen.news(LINES.swapcase()) == [(0, len(LINES))]
    assert seen.news(LINES.swapcase()) == []
    assert sum(end - start for start, end in seen.news(form)) < 1_000
    assert seen.news(b"") == []
