from __future__ import annotations

import socket

import pytest

from pipelock.door.lookup import lookup_failure, system_lookup


def test_the_systems_answers_come_in_order_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [(socket.AF_INET6, 1, 6, "", ("::1", 0, 0, 0)), *[(socket.AF_INET, 1, 6, "", ("127.0.0.1", 0))] * 2]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_kwargs: rows)
    assert system_lookup("localhost") == ("::1", "127.0.0.1")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (socket.gaierror(-2, "Name or service not known"), "no such host (Name or service not known)"),
        (UnicodeError("label too long"), "not a host name that can be looked up"),
        (OSError(5, "Input/output error"), "lookup failed (OSError)"),
        (None, "lookup failed (NoneType)"),
    ],
)
def test_why_a_lookup_failed(error: BaseException | None, text: str) -> None:
    assert lookup_failure(error) == text
