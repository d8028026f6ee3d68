from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock_linux import covers

LISTED = """21 20 0:40 / / ro,nosuid - tmpfs none ro
22 21 8:1 /home/u/w /home/u/w rw - ext4 /dev/sda rw
23 22 0:41 /file /home/u/w/a\\040b\\134c\\012d ro - tmpfs none ro
not a line
24
"""


@pytest.mark.parametrize(
    ("field", "path"),
    [("/a", "/a"), ("/a\\040b", "/a b"), ("/a\\011\\012", "/a\t\n"), ("/a\\134040", "/a\\040")],
)
def test_paths_are_read_as_the_kernel_writes_them(field, path) -> None:
    assert covers.unescaped(field) == path


@given(st.text(st.sampled_from(" \t\n\\0414/"), max_size=20))
def test_every_path_survives(path: str) -> None:
    written = path.replace("\\", "\\134").replace(" ", "\\040").replace("\t", "\\011").replace("\n", "\\012")
    assert covers.unescaped(written) == path


def test_mounts_are_told_by_their_numbers() -> None:
    assert covers.mount_points(LISTED) == {21: "/", 22: "/home/u/w", 23: "/home/u/w/a b\\c\nd"}
    assert covers.mount_points("") == {}


def test_a_mount_that_was_moved_still_lies_there(monkeypatch) -> None:
    lists = [{1: "/", 2: "/w/a", 3: "/w/b"}, {1: "/", 2: "/w/moved"}, {1: "/", 2: "/w/moved", 4: "/new"}, {1: "/"}]
    monkeypatch.setattr(covers.Covers, "_read", lambda _: lists.pop(0))
    one = covers.Covers()
    assert one.lost() == ("/w/b",)
    assert one.lost() == ()
    assert one.lost() == ("/new", "/w/moved")


def test_the_list_of_this_process_is_read_whole_each_time() -> None:
    one = covers.Covers()
    assert "/" in one._read().values()
    assert one.lost() == ()
    assert one.fileno() > 2
