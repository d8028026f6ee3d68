"""Which sources and actions an exception is about."""

from __future__ import annotations

import pytest

from pipelock.engine.taint.classes import ActionClass
from pipelock.engine.taint.overrides import Override


def an_override(source: str = "", action: str = "") -> Override:
    return Override(source=source, action=action, expires=1.0)


@pytest.mark.parametrize(
    ("pattern", "url", "forgiven"),
    [
        ("", "https://any.example/x", True),
        ("*", "https://any.example/x", True),
        ("docs.example", "https://docs.example/", True),
        ("docs.example", "https://docs.example/a/b", True),
        ("docs.example", "http://docs.example/a", True),
        ("docs.example", "https://docs.example:8443/a", False),
        ("docs.example:8443", "https://docs.example:8443/a", True),
        ("docs.example", "https://evil.org/docs.example/a", False),
        ("docs.example/*", "https://evil.org/docs.example/a", False),
        ("*.docs.example", "https://a.docs.example/x", True),
        ("*.docs.example", "https://evil.org/a.docs.example", False),
        ("https://docs.example/*", "https://docs.example/a", True),
        ("https://docs.example/*", "http://docs.example/a", False),
        ("https://docs.example/v1/", "https://docs.example/v1/a", True),
        ("https://docs.example/v1/*", "https://docs.example/v2/a", False),
        ("docs.example/v?/*", "https://docs.example/v2/a", True),
        ("docs.example", "https://docs.example@evil.org/", False),
        ("docs.example", "https://evil.org\\@docs.example/", False),
    ],
)
def test_sources(pattern: str, url: str, forgiven: bool) -> None:
    assert an_override(source=pattern).forgives(url) is forgiven


@pytest.mark.parametrize(
    ("pattern", "allowed"),
    [
        ("", True),
        ("publish", True),
        ("PUBLISH", True),
        ("secret", False),
        ("POST api.example", True),
        ("POST api.example/v1/*", True),
        ("P* api.example/v1/", True),
        ("GET api.example", False),
        ("publish https://api.example/*", True),
        ("secret https://api.example/*", False),
        ("api.example", True),
        ("api.example/v2/*", False),
        ("* api.example", True),
        ("read", False),
        ("publish evil.example", False),
    ],
)
def test_actions(pattern: str, allowed: bool) -> None:
    override = an_override(action=pattern)
    assert override.allows(ActionClass.PUBLISH, "post", "https://api.example/v1/items") is allowed


def test_a_connect_is_an_action_too() -> None:
    assert an_override(action="CONNECT api.example").allows(ActionClass.NETWORK, "CONNECT", "https://api.example:443/")


def test_the_words_say_who_what_and_why() -> None:
    full = Override(source="docs.example", action="publish", expires=1.0, by="ann", reason="our own wiki")
    assert full.words == "read docs.example, publish by ann: our own wiki"
    assert an_override(action="POST *").words == "POST * by config"
