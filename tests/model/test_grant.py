"""What an answer's scope and lifetime are called, and which is wider."""

from __future__ import annotations

import msgspec

from pipelock.model import Grant, Lifetime, Scope


def test_scopes_are_ordered_from_narrow_to_wide() -> None:
    assert [scope.rank for scope in Scope] == list(range(len(Scope)))
    assert Scope.PAYLOAD.rank < Scope.HOST.rank < Scope.PROCESS.rank


def test_lifetimes_have_words_and_only_some_a_length() -> None:
    assert all(lifetime.words for lifetime in Lifetime)
    assert len({lifetime.words for lifetime in Lifetime}) == len(Lifetime)
    assert {lifetime: lifetime.seconds for lifetime in Lifetime if lifetime.seconds} == {
        Lifetime.M5: 300,
        Lifetime.H1: 3600,
        Lifetime.H12: 43_200,
    }


def test_a_grant_travels_without_what_it_does_not_say() -> None:
    grant = Grant(
        id="g1", allow=True, scope=Scope.HOST, lifetime=Lifetime.H1, words="w", created_at=1.0, host="example.com"
    )
    line = msgspec.json.encode(grant)
    assert b"digest" not in line
    assert msgspec.json.decode(line, type=Grant) == grant
