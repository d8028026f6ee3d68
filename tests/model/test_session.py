"""Words about sessions, their order, and the key by which a session is known."""

from __future__ import annotations

import pytest

from pipelock.model import (
    ANONYMOUS,
    Evidence,
    Identity,
    Lamp,
    Lamps,
    Level,
    Process,
    TaintLevel,
    Tier,
    is_sandbox_key,
    launch_of,
    sandbox_key,
    session_key,
)


@pytest.mark.parametrize(
    ("agent", "key"),
    [("ann", "ann|10.0.0.1"), ("", "10.0.0.1"), (ANONYMOUS, "10.0.0.1"), ("anonymous2", "anonymous2|10.0.0.1")],
)
def test_an_agent_that_did_not_say_who_it_is_goes_by_its_address(agent: str, key: str) -> None:
    assert session_key(agent, "10.0.0.1") == key


def test_a_sandbox_is_known_by_its_launch() -> None:
    key = sandbox_key("ann", "0123456789ab", "127.0.0.1")
    assert (key, is_sandbox_key(key), launch_of(key)) == ("ann@sandbox-0123456789ab|127.0.0.1", True, "0123456789ab")
    for other in (session_key("ann", "127.0.0.1"), "ann@4711|127.0.0.1", "127.0.0.1", "sandbox-x|127.0.0.1"):
        assert (is_sandbox_key(other), launch_of(other)) == (False, "")


def test_words_are_ordered() -> None:
    for words in (Evidence, Level, Tier, TaintLevel):
        assert [word.rank for word in words] == list(range(len(words)))
    assert Evidence.LISTENER.rank < Evidence.PROCESS.rank < Evidence.CIDR.rank < Evidence.HEADER.rank
    assert Level.NORMAL.rank < Level.CRITICAL.rank
    assert Tier.SOFT.rank < Tier.DRAIN.rank
    assert TaintLevel.REFERENCE.rank < TaintLevel.UNTRUSTED.rank < TaintLevel.HOSTILE.rank


def test_the_program_of_an_identity_is_that_of_its_root() -> None:
    assert Identity().program == ""
    chain = (Process(9, 90, "curl"), Process(8, 80, "bash"), Process(7, 70, "claude"))
    assert Identity("claude", "claude@7|127.0.0.1", Evidence.PROCESS, processes=chain).program == "claude"


def test_all_three_lamps() -> None:
    lit = Lamp(lit=True)
    assert Lamps(lit, lit, lit).all_lit
    assert not Lamps(lit, lit).all_lit
    assert not Lamps().all_lit
