from __future__ import annotations

from pipelock.engine.approvals.asked import Asked
from pipelock.engine.approvals.grants import MAX_GRANTS, Grants
from pipelock.model import Grant, Lifetime, Scope


def a_grant(name: str = "g1", **changes: object) -> Grant:
    fields = {
        "allow": True, "scope": Scope.HOST, "lifetime": Lifetime.RESTART, "words": "", "created_at": 0.0,
        "agent": "a", "kind": "request", "host": f"{name}.test", "port": 80, "layer": "egress_rules", **changes,
    }  # fmt: skip
    return Grant(id=name, **fields)


def asked(name: str, **changes: object) -> Asked:
    return Asked(**{"agent": "a", "kind": "request", "host": f"{name}.test", "port": 80, "layer": "egress_rules",
                    "session": "s", **changes})  # fmt: skip


def test_the_oldest_makes_way_but_not_what_holds_for_good() -> None:
    grants = Grants()
    grants.add(a_grant("kept", lifetime=Lifetime.FOREVER), 0.0)
    for number in range(MAX_GRANTS - 1):
        assert grants.add(a_grant(f"g{number}"), 0.0) == ()
    (gone,) = grants.add(a_grant("last"), 0.0)
    assert (gone.id, len(grants)) == ("g0", MAX_GRANTS)
    assert grants.covering(asked("kept"), 0.0, 0.0) is not None
    assert grants.covering(asked("g0"), 0.0, 0.0) is None
    assert grants.covering(asked("last"), 0.0, 0.0) is not None


def test_one_that_does_not_hold_for_good_leaves_one_that_does() -> None:
    grants = Grants()
    kept = a_grant("kept", lifetime=Lifetime.FOREVER)
    grants.add(kept, 0.0)
    assert grants.add(a_grant("now", host="kept.test", allow=False), 0.0) == ()
    found = grants.covering(asked("kept"), 0.0, 0.0)
    assert found is not None
    assert not found.allow
    grants.remove("now")
    assert grants.covering(asked("kept"), 0.0, 0.0) is not None
    anew = a_grant("anew", host="kept.test", lifetime=Lifetime.FOREVER, allow=False)
    assert grants.kept_with(anew) == (anew,)


def test_an_entry_that_names_no_agent_holds_for_all_and_one_that_names_one_for_that() -> None:
    grants = Grants()
    grants.add(a_grant("any", agent=""), 0.0)
    grants.add(a_grant("one", program="claude"), 0.0)
    assert grants.covering(asked("any", agent="whoever", program="python"), 0.0, 0.0) is not None
    assert grants.covering(asked("one", program="claude"), 0.0, 0.0) is not None
    assert grants.covering(asked("one", program="python"), 0.0, 0.0) is None
    assert grants.covering(asked("one", program=""), 0.0, 0.0) is None, "who claims a name shows no process"


def test_the_file_is_taken_over_as_a_whole_and_hits_stay() -> None:
    grants = Grants()
    grants.add(a_grant("a", lifetime=Lifetime.FOREVER), 0.0)
    grants.add(a_grant("b", lifetime=Lifetime.FOREVER), 0.0)
    grants.add(a_grant("c"), 0.0)
    grants.covering(asked("a"), 9.0, 0.0)
    grants.replace_kept([a_grant("a", lifetime=Lifetime.FOREVER), a_grant("d", lifetime=Lifetime.FOREVER)], 0.0)
    assert sorted(grant.id for grant in grants.all(0.0)) == ["a", "c", "d"]
    kept = grants.get("a")
    assert kept is not None
    assert (kept.hits, kept.last_hit_at) == (1, 9.0)
    assert grants.get("b") is None


def test_a_session_that_ends_takes_its_answers_along() -> None:
    grants = Grants()
    grants.add(a_grant("a", session="s", lifetime=Lifetime.SESSION), 0.0)
    grants.add(a_grant("b", session="t", lifetime=Lifetime.SESSION), 0.0)
    grants.add(a_grant("c"), 0.0)
    known = {"t"}
    assert (grants.end_sessions(known.__contains__), grants.end_sessions(known.__contains__)) == (1, 0)
    assert [grant.id for grant in grants.all(0.0)] == ["c", "b"]


def test_a_process_that_got_the_number_of_another_does_not_inherit_its_answers() -> None:
    grants = Grants()
    grants.add(a_grant("a", session="claude@7|::1", lifetime=Lifetime.SESSION), 0.0, born=100)
    assert grants.covering(asked("a", session="claude@7|::1", born=100), 0.0, 0.0) is not None
    assert grants.covering(asked("a", session="claude@7|::1", born=200), 0.0, 0.0) is None


def test_exact_payloads_end_with_their_policy() -> None:
    grants = Grants()
    grants.add(a_grant("a", scope=Scope.PAYLOAD, digest="d"), 0.0, "p1")
    grants.add(a_grant("b"), 0.0, "p1")
    assert (grants.under("p1"), grants.under("p2")) == (0, 1)
    assert [grant.id for grant in grants.all(0.0)] == ["b"]


def test_what_is_gone_is_gone() -> None:
    grants = Grants()
    grants.add(a_grant("a"), 0.0)
    assert grants.remove("a") is not None
    assert grants.remove("a") is None
    assert grants.get("a") is None
    assert grants.covering(asked("a"), 0.0, 0.0) is None
