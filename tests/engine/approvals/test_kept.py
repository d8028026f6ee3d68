from __future__ import annotations

import pytest

from pipelock.engine.approvals.kept import wrong_with
from pipelock.model import Grant, Lifetime, Scope


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"host": "api.example.com"}, ""),
        ({"host": "2001:db8::1"}, ""),
        ({"host": "API.example.com"}, "host: API.example.com"),
        ({"host": "api.example.com."}, "host"),
        ({"host": "a b"}, "host"),
        ({"domain": "example.co.uk"}, ""),
        ({"domain": "co.uk"}, "domain: co.uk"),
        ({"domain": "api.example.com"}, "domain"),
        ({"domain": "Example.com"}, "domain"),
        ({"path": "/v1/"}, ""),
        ({"path": "/v1/../"}, "path"),
        ({"path": "v1/"}, "path"),
        ({"url": "https://api.example.com/v1"}, ""),
        ({"url": "https://api.example.com:443/v1"}, "it is compared as https://api.example.com/v1"),
        ({"url": "api.example.com"}, "url"),
    ],
)
def test_what_would_stand_there_and_do_nothing_is_said(fields: dict, wrong: str) -> None:
    grant = Grant(id="g", allow=True, scope=Scope.HOST, lifetime=Lifetime.FOREVER, words="", created_at=0.0, **fields)
    said = wrong_with(grant)
    assert wrong in said
    assert bool(said) is bool(wrong)
