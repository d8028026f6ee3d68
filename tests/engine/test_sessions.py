from __future__ import annotations

from pipelock.engine.sessions import Sessions


def test_sessions_are_counted_and_listed_most_recent_first() -> None:
    sessions = Sessions()
    sessions.note("a", "ann", "1.1.1.1", 10.0, blocked=False)
    sessions.note("b", "bob", "2.2.2.2", 11.0, blocked=True)
    sessions.note("a", "ann", "1.1.1.1", 12.0, blocked=True)
    first, second = sessions.known()
    assert (first.key, first.requests, first.blocked, first.started_at, first.last_seen_at) == ("a", 2, 1, 10.0, 12.0)
    assert second.key == "b"


def test_the_least_recently_seen_falls_out() -> None:
    sessions = Sessions(limit=2)
    for key in ("a", "b", "a", "c"):
        sessions.note(key, key, "", 0.0, blocked=False)
    assert [session.key for session in sessions.known()] == ["c", "a"]
