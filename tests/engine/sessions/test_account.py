from __future__ import annotations

import pytest

from pipelock.engine.sessions.account import MAX_NOTES, Account, Accounts, account_of
from pipelock.model import Evidence, Identity, Level, Process, SessionNote, Tier
from tests.factories import an_action


@pytest.mark.parametrize(
    ("evidence", "expected"),
    [
        (Evidence.LISTENER, "claude|10.1.1.1"),
        (Evidence.PROCESS, "claude|10.1.1.1"),
        (Evidence.CIDR, "claude|10.1.1.1"),
        (Evidence.DEFAULT, "10.1.1.1"),
        (Evidence.HEADER, "10.1.1.1"),
        (Evidence.NONE, "10.1.1.1"),
        (None, "10.1.1.1"),
    ],
)
def test_only_who_cannot_choose_his_name_has_an_account_by_it(evidence: Evidence | None, expected: str) -> None:
    key = "claude|10.1.1.1"
    identity = None if evidence is None else Identity(agent="claude", session=key, evidence=evidence)
    assert account_of(an_action(session=key, identity=identity)) == expected


@pytest.mark.parametrize("evidence", Evidence)
def test_a_process_is_known_by_itself_whatever_name_it_says(evidence: Evidence) -> None:
    identity = Identity(agent="ann", session="curl@7|127.0.0.1", evidence=evidence, processes=(Process(7, 1, "curl"),))
    assert account_of(an_action(session="curl@7|127.0.0.1", identity=identity)) == "curl@7|127.0.0.1"


def test_a_process_that_says_a_name_is_known_by_its_process_all_the_same() -> None:
    key = "bash@7|127.0.0.1"
    identity = Identity(agent="ann", session=key, evidence=Evidence.HEADER, processes=(Process(7, 1, "bash"),))
    assert account_of(an_action(session=key, identity=identity)) == key


@pytest.mark.parametrize(
    ("evidence", "expected"),
    [
        (Evidence.LISTENER, "ann|127.0.0.1"),
        (Evidence.CIDR, "ann|127.0.0.1"),
        (Evidence.PROCESS, "127.0.0.1"),
        (Evidence.HEADER, "127.0.0.1"),
        (Evidence.NONE, "127.0.0.1"),
    ],
)
def test_whoever_could_begin_a_session_for_each_request_gets_no_account_with_it(
    evidence: Evidence, expected: str
) -> None:
    for number in (7, 8):
        key = f"curl@{number}|127.0.0.1"
        identity = Identity("ann", key, evidence, processes=(Process(number, 1, "curl"),), shared=True)
        assert account_of(an_action(session=key, client="127.0.0.1", identity=identity)) == expected


def test_without_an_address_the_session_is_all_there_is() -> None:
    assert account_of(an_action(client="", session="command")) == "command"


def test_the_last_notes_are_kept() -> None:
    account = Account("a")
    for number in range(MAX_NOTES + 5):
        account.remember(SessionNote(float(number), "signal"))
    assert [note.at for note in account.notes] == [float(number) for number in range(5, MAX_NOTES + 5)]


def test_a_reset_leaves_the_key_alone() -> None:
    account = Account("a", level=Level.HIGH, score=12.0, tier=Tier.HARD, floor=Tier.HARD)
    account.use.requests = 9
    account.seen[1] = None
    account.reset()
    assert account == Account("a")


def held(accounts: Accounts) -> set[str]:
    return {key for key in "abcdefgh" if accounts.get(key) is not None}


def test_the_least_recently_used_goes_first() -> None:
    accounts = Accounts(limit=2)
    for key in "abac":
        accounts.use(key)
    assert held(accounts) == {"a", "c"}


def test_whoever_opens_many_has_only_those_forgotten_that_nothing_is_known_of() -> None:
    accounts = Accounts(limit=3)
    bad, scored = accounts.use("a"), accounts.use("b")
    bad.level = Level.CRITICAL
    scored.score = 1.0
    accounts.settle(bad)
    accounts.settle(scored)
    for number in range(1000):
        accounts.use(f"name-{number}")
    assert held(accounts) == {"a", "b"}
    assert len(accounts) == 3


def test_of_those_with_something_against_them_the_mildest_goes_first() -> None:
    accounts = Accounts(limit=3)
    for key, level, score in (("a", Level.HIGH, 12.0), ("b", Level.NORMAL, 4.0), ("c", Level.NORMAL, 4.0)):
        account = accounts.use(key)
        account.level, account.score = level, score
        accounts.settle(account)
    accounts.use("d")
    assert held(accounts) == {"a", "c", "d"}
    assert [account.key for account in accounts.raised()] == ["a"]


def test_a_budget_in_use_is_not_forgotten_for_a_newcomer() -> None:
    accounts = Accounts(limit=2)
    spent = accounts.use("a")
    spent.use.since = 5.0
    accounts.settle(spent)
    accounts.use("b")
    accounts.use("c")
    assert held(accounts) == {"a", "c"}


def test_what_has_calmed_down_is_one_of_many_again() -> None:
    accounts = Accounts(limit=2)
    account = accounts.use("a")
    account.tier = Tier.SOFT
    accounts.settle(account)
    account.tier = Tier.NONE
    accounts.settle(account)
    assert list(accounts.raised()) == []
    accounts.use("b")
    accounts.use("c")
    assert held(accounts) == {"b", "c"}
