from __future__ import annotations

import pytest

from pipelock.engine._suppress import Suppressions


@pytest.mark.parametrize(
    ("pattern", "target", "covers"),
    [
        ("https://h/docs/x", "https://h/docs/x", True),
        ("https://h/docs/", "https://h/docs/deep/x", True),
        ("https://h/docs/", "https://h/docsx", False),
        ("h/docs/*", "https://h/docs/x", True),
        ("docs/*.md", "https://h/a/docs/x.md", True),
        ("docs/*.md", "https://h/a/docsx.md", False),
        ("https://h/x", "https://h:443/x", True),
        ("http://h/x", "http://h:80/x", True),
        ("http://h/x", "http://h:81/x", False),
        ("http://h:port/x", "http://h:port/x", True),
        ("evil.example/*", "https://h/?u=evil.example/x", False),
    ],
)
def test_places(pattern: str, target: str, covers: bool) -> None:
    assert Suppressions([("JWT Token", pattern)]).covers("jwt token", target) is covers


def test_another_rule_is_not_covered() -> None:
    assert not Suppressions([("JWT Token", "*")]).covers("AWS Access ID", "https://h/")
