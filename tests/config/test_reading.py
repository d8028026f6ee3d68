from __future__ import annotations

import pytest

from pipelock.config.problems import ConfigError
from pipelock.config.reading import read_tree
from pipelock.config.tree import MAX_BYTES


@pytest.mark.parametrize("data", [b"", b"# nothing", b"\xef\xbb\xbf"])
def test_a_file_that_says_nothing_has_no_tree(data: bytes) -> None:
    assert read_tree(data, "f") is None


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b" " * (MAX_BYTES + 1), f"f: larger than {MAX_BYTES} bytes"),
        (b"a: 1\nb: \xff", "f:2:1: not UTF-8 text"),
        (b"a: 1\nb: !x y", "f:2:4: "),
    ],
)
def test_what_is_no_yaml_is_refused_with_its_place(data: bytes, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_tree(data, "f")
    assert str(caught.value.problems[0]).startswith(said)
