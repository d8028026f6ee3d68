"""Line breaks, dot-dot and piled-up escapes, each beside what only resembles them."""

from __future__ import annotations

import pytest

from pipelock.detect.url_syntax import has_line_break, is_overencoded, leaves_its_folder
from pipelock.detect.url_view import parse_url, split_url


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://a/x%0d%0aSet-Cookie:y", True),
        ("http://a/x%0Dy", True),
        ("http://a/?q=x%0ay", True),
        ("http://a/?q=x%250d%250ay", True),
        ("http://a/?q=x%25250ay", True),
        ("http://a/x\r\ny", True),
        ("http://a/x\ny", True),
        ("http://a%0d.b/", True),
        ("http://a/%0", False),
        ("http://a/%0c", False),
        ("http://a/%20%0b", False),
        ("http://a/x#%0d%0a", False),
        ("http://a/d0a", False),
    ],
)
def test_line_breaks(url: str, expected: bool) -> None:
    assert has_line_break(split_url(url)) is expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/a/../b", True),
        ("/..", True),
        ("/a/..", True),
        ("/a/%2e%2e/b", True),
        ("/a/.%2E/b", True),
        ("/a/%2e./b", True),
        ("/a%2f..%2fb", True),
        ("/a\\..\\b", True),
        ("/a%5c..%5cb", True),
        ("/a/%252e%252e/b", True),
        ("/a%252f%252e%252e%252fb", True),
        ("/a/..;x=1/b", True),
        ("/a/..%00/b", True),
        ("/a/%c0%ae%c0%ae/b", True),
        ("/a..b", False),
        ("/a/...", False),
        ("/a/./b", False),
        ("/..a/b", False),
        ("/a../b", False),
        ("/v1.2..1.3", False),
        ("/a/%2e%2ebc", False),
        ("/compare/main...topic", False),
        ("/", False),
    ],
)
def test_dot_dot(path: str, expected: bool) -> None:
    assert leaves_its_folder(path) is expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://a/?q=%2541%2542%2543%2544", True),
        ("http://a/?q=%252541%252542", True),
        ("http://a/?q=%41%42%43%44", False),
        ("http://a/?q=5%2550", False),
        ("http://a/?next=https%253A%252F%252Fb%252F%253Fc%25253Dd%252520e", False),
        ("http://a/?q=%25E3%2583%2591%25E3%2582%25B9", False),
        ("http://a/?q=100%25", False),
    ],
)
def test_overencoding(url: str, expected: bool) -> None:
    assert is_overencoded(parse_url(split_url(url))) is expected
