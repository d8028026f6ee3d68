"""Control sequences of terminals."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock.detect._terminal import has_sequences, without_sequences


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"a\x1b[31mb\x1b[0mc", b"abc"), (b"a\x1b[38;5;1;2mb", b"ab"), (b"a\xc2\x9b1mb", b"ab"),
        (b"a\x1b]0;title\x07b", b"ab"), (b"\x1b]8;;u\x1b\\name\x1b]8;;\x1b\\.", b"name.") , (b"\x1b(Ba\x1b$Bb", b"ab"),
        (b"a\x1bcb", b"ab"), (b"a\x1b", b"a"), (b"a\x1b[", b"a"), (b"a\x1b[31", b"a"), (b"[31mplain", b"[31mplain"),
        (b"\x1b]0;never ends", b"]0;never ends"), (b"\x1bPq;key", b"Pq;key"),
    ],
)  # fmt: skip
def test_table(data, text):
    assert without_sequences(data) == text
    assert has_sequences(data) is (b"\x1b" in data or b"\xc2\x9b" in data)


@given(
    st.lists(st.sampled_from([b"\x1b", b"[", b"]", b"31m", b"\x07", b"\\", b"a", b";", b"P", b"\xc2\x9b"])).map(
        b"".join
    )
)
def test_no_introducer_is_left(data):
    assert not has_sequences(without_sequences(data))
