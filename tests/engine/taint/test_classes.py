"""What actions do, and how delicate their targets are."""

from __future__ import annotations

from typing import Any

import pytest

from pipelock.engine.taint.classes import (
    LONG_TARGET,
    ActionClass,
    Sensitivity,
    carries,
    classify,
    is_channel,
    secret_in,
    sensitivity_of,
)
from pipelock.engine.taint.hosts import Standing
from pipelock.model import Category, Kind, Transport
from tests.factories import a_finding, an_action

LONG = "http://example.com/" + "a" * LONG_TARGET


@pytest.mark.parametrize(
    ("changes", "standing", "what", "leaves"),
    [
        ({}, Standing.OUTSIDE, "read", False),
        ({"method": "head"}, Standing.OUTSIDE, "read", False),
        ({"transport": Transport.FETCH}, Standing.OUTSIDE, "browse", False),
        ({"method": "POST", "body": b"x"}, Standing.OUTSIDE, "publish", True),
        ({"method": "post"}, Standing.OUTSIDE, "publish", False),
        ({"method": "DELETE"}, Standing.LISTED, "publish", False),
        ({"method": "PUT", "partial": True}, Standing.LOCAL, "write", True),
        ({"method": "POST", "body": b"x"}, Standing.MODEL, "summarize", True),
        ({"method": "BREW"}, Standing.OUTSIDE, "network", False),
        ({"body": b"x"}, Standing.OUTSIDE, "publish", True),
        ({"size": 9}, Standing.OUTSIDE, "publish", True),
        ({"url": LONG}, Standing.OUTSIDE, "network", True),
        ({"url": "http://" + "a" * LONG_TARGET + ".example/x"}, Standing.OUTSIDE, "read", False),
        ({"transport": Transport.WEBSOCKET}, Standing.OUTSIDE, "network", True),
        ({"kind": Kind.CONNECT, "method": "CONNECT"}, Standing.OUTSIDE, "network", True),
        ({"kind": Kind.CONNECT, "method": "CONNECT", "opened": True}, Standing.OUTSIDE, "read", False),
        ({"kind": Kind.MESSAGE, "transport": Transport.WEBSOCKET}, Standing.OUTSIDE, "publish", True),
        ({"kind": Kind.MESSAGE, "transport": Transport.WEBSOCKET}, Standing.LOCAL, "write", True),
    ],
)
def test_classes(changes: dict[str, Any], standing: Standing, what: str, leaves: bool) -> None:
    action = an_action(**changes)
    assert classify(action, (), standing) is ActionClass(what)
    assert carries(action) is leaves


def test_a_secret_that_is_let_through_is_what_counts() -> None:
    action = an_action(method="POST", body=b"x")
    found = a_finding(scanner="body_dlp")
    assert classify(action, (found,), Standing.OUTSIDE) is ActionClass.SECRET
    assert classify(an_action(), (found,), Standing.LISTED) is ActionClass.SECRET
    assert classify(action, (found,), Standing.MODEL) is ActionClass.SUMMARIZE


def test_what_counts_as_a_secret() -> None:
    assert secret_in(()) is None
    assert secret_in((a_finding(scanner="entropy"), a_finding(scanner="response_scan"))) is None
    assert secret_in((a_finding(scanner="dlp", category=Category.PROTECTIVE),)) is None
    key = a_finding(scanner="header_dlp")
    assert secret_in((a_finding(scanner="entropy"), key)) is key


def test_channels() -> None:
    assert is_channel(an_action(kind=Kind.CONNECT))
    assert not is_channel(an_action(kind=Kind.CONNECT, opened=True))
    assert is_channel(an_action(transport=Transport.WEBSOCKET))
    assert not is_channel(an_action(kind=Kind.MESSAGE, transport=Transport.WEBSOCKET))
    assert not is_channel(an_action())


PROTECTED = ("*/auth/*", "*/.env*", "*/.github/workflows/*")
ELEVATED = ("*/config/*",)


@pytest.mark.parametrize(
    ("path", "sensitivity"),
    [
        ("/", "normal"),
        ("", "normal"),
        ("/auth/login", "protected"),
        ("/v1/Auth/login", "protected"),
        ("/v1/%61uth/login", "protected"),
        ("/v1//auth/./login", "protected"),
        ("/v1/auth;x=1/login", "protected"),
        ("/v1\\auth\\login", "protected"),
        ("/author/x", "normal"),
        ("/x?next=/auth/login", "normal"),
        ("/x#/auth/login", "normal"),
        ("/app/.env.local", "protected"),
        ("/.env", "protected"),
        ("/repo/.github/workflows/ci.yml", "protected"),
        ("/app/config/db", "elevated"),
        ("/config/auth/x", "protected"),
    ],
)
def test_sensitivity(path: str, sensitivity: str) -> None:
    assert sensitivity_of(f"https://example.com{path}", PROTECTED, ELEVATED) is Sensitivity(sensitivity)


def test_what_stands_in_the_host_is_no_path() -> None:
    assert sensitivity_of("https://auth.example.com", PROTECTED, ELEVATED) is Sensitivity.NORMAL
