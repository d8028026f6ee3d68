from __future__ import annotations

from pipelock.engine._cleared import MAX_CLEARED, Cleared
from pipelock.engine.content import inspect_content
from tests.factories import FAKE_KEY, a_policy, an_action


def test_a_digest_stands_for_host_names_and_values_and_nothing_else() -> None:
    cleared = Cleared()
    first = cleared.digest("h", [("a", "1"), ("b", "2")])
    assert first == cleared.digest("h", [("a", "1"), ("b", "2")])
    others = [
        cleared.digest("g", [("a", "1"), ("b", "2")]),
        cleared.digest("h", [("a", "1")]),
        cleared.digest("h", [("b", "2"), ("a", "1")]),
        cleared.digest("h", [("a", "1\nb\x002")]),
        Cleared().digest("h", [("a", "1"), ("b", "2")]),
    ]
    assert first not in others


def test_the_table_is_bounded() -> None:
    cleared = Cleared()
    digests = [cleared.digest("h", [("n", str(number))]) for number in range(MAX_CLEARED + 1)]
    for digest in digests:
        cleared.add(digest)
    assert len(cleared) == MAX_CLEARED
    assert digests[0] not in cleared
    assert digests[-1] in cleared


def test_only_clean_headers_are_remembered() -> None:
    policy = a_policy()
    clean = an_action(headers=(("x-note", "hello"),))
    dirty = an_action(headers=(("x-note", FAKE_KEY),))
    for _ in range(2):
        assert inspect_content(clean, policy).findings == ()
        assert inspect_content(dirty, policy).findings != ()
    assert len(policy.cleared) == 1
